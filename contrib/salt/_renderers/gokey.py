"""`#!gokey|jinja|yaml`: the talk's tag {% gokey('root-password') %}, which Jinja does not know, becomes a slot."""

import io
import re

TAG = re.compile(r"\{%-?\s*gokey\((['\"])([\w./+=-]+)\1\)\s*-?%\}")
SLOT = r"""'__slot__:salt:cmd.run("keyward derive -- \2", raise_err=True, output_loglevel=garbage)'"""


def render(text, saltenv="base", sls="", **kwargs):
    source = text.read() if hasattr(text, "read") else text
    return io.StringIO(TAG.sub(SLOT, source))
