"""keyward.derive('web-1/ssh'): a key of this machine's seed. A realm that is not listed raises; nothing is logged."""

from salt.exceptions import CommandExecutionError


def derive(realm, version=None):
    command = ["keyward", "derive", *(["--version", str(version)] if version else []), "--", realm]
    done = __salt__["cmd.run_all"](command, python_shell=False, output_loglevel="quiet", rstrip=False)
    if done["retcode"] != 0:
        raise CommandExecutionError(done["stderr"])
    return done["stdout"]
