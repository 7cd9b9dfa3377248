/** `keyward completion`: a script for the shell, made of the tables. */
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { printable } from "../../model/name.ts";
import { shells } from "../completion/shells.ts";
import { wordsOfAll } from "../completion/words.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "completion",
  act({
    summary: "Print the completion script for bash, zsh or fish",
    words: ["SHELL"],
    flags: {},
    calls: [],
    examples: [
      "keyward completion bash > /etc/bash_completion.d/keyward",
      "keyward completion zsh > ~/.zfunc/_keyward",
      "keyward completion fish > ~/.config/fish/completions/keyward.fish",
    ],
    async run({ world }, { words: [shell = ""] }) {
      const write = Object.hasOwn(shells, shell) ? shells[shell as keyof typeof shells] : undefined;
      if (write === undefined)
        throw new KeywardError("usage", `SHELL ${printable(shell)}: want ${Object.keys(shells).join(", ")}`);
      world.stdout.write(write(await wordsOfAll()));
    },
  }),
);
