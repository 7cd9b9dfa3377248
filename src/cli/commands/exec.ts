/** `keyward exec`: a program with its sealed values opened. */
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { runOpened } from "../../configuration/exec.ts";
import { openerOf, openingFlags } from "../../configuration/opening-flags.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "exec",
  act({
    summary: "Run a program with the sealed values in its environment opened",
    words: [],
    rest: "PROGRAM [ARG...]",
    flags: {
      only: {
        type: "string",
        multiple: true,
        value: "NAME",
        help: "Open this variable, and others only if named too",
      },
      strict: {
        type: "boolean",
        help: "Refuse what is left sealed, is sealed nowhere, or is not proved to be the answer",
      },
      "allow-arguments": { type: "boolean", help: "Sealed values in arguments are meant: do not warn" },
      ...openingFlags,
    },
    calls: [],
    examples: [
      "keyward exec -- /usr/bin/orders --port 8080",
      "keyward exec --only DB_PASSWORD --strict -- env",
      "keyward exec -s https://secretary.example:5070 -- ./start",
    ],
    notes: [
      "Every envelope is opened before the program starts, in one request to the daemon where there is one; when one fails, nothing runs. The program does not see the variables that held keys. It has this terminal and these streams, signals are passed on, and its exit status is this command's: 126 when it cannot be run, 127 when it is not found, 128 and the signal's number when a signal ended it. What goes wrong before it starts ends with keyward's own statuses.",
      "A sealed value in an argument is opened too, with a warning, because everybody on the machine can read arguments. --only takes one NAME each time it is given. --strict also wants the daemon's answer tied to the request, which the original daemon cannot do.",
    ],
    async run({ world }, { flags, rest = [] }) {
      if (rest.length === 0)
        throw new KeywardError("usage", "exec: no program", {
          hint: "keyward exec [flags] -- PROGRAM [ARG...]",
        });
      const strict = flags.strict === true;
      const opener = await openerOf(flags, world, strict);
      const places = [...(flags.key ?? []), flags["deploy-key"], flags["service-key"]];
      try {
        return await runOpened(
          {
            argv: rest,
            ...(flags.only === undefined ? {} : { only: flags.only }),
            strict,
            allowArguments: flags["allow-arguments"] === true,
            keyVariables: places.filter((place) => place !== undefined),
          },
          opener,
          world,
        );
      } finally {
        opener.close();
      }
    },
  }),
);
