/** The three shells' own ways to be told what can be typed. */
import type { FlagWord, Place } from "./words.ts";

export const shells = { bash, zsh, fish } as const;

/** A word for a shell, in single quotes. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function flagWords(flags: readonly FlagWord[]): string[] {
  return flags.flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]);
}

function bash(places: readonly Place[]): string {
  const cases = places.map(({ path, words, flags }) => {
    const next = words.map(([word]) => word).join(" ");
    return `    ${quote(path)}) words=${quote(next)} flags=${quote(flagWords(flags).join(" "))} ;;`;
  });
  return `# bash completion for keyward
_keyward() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local place='' words='' flags='' word i
  COMPREPLY=()
  case $previous in
${valueCases(places)}
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case " ${pathsOf(places)} " in
      *" \${place:+$place/}$word "*) place=\${place:+$place/}$word ;;
    esac
  done
  case \${place//\\// } in
${cases.join("\n")}
  esac
  if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$current"))
  else COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _keyward keyward
`;
}

/** Paths with slashes instead of blanks, so that one pattern finds a whole one. */
function pathsOf(places: readonly Place[]): string {
  return places
    .map(({ path }) => path.replaceAll(" ", "/"))
    .filter((path) => path !== "")
    .join(" ");
}

function valueCases(places: readonly Place[]): string {
  const flags = new Map(places.flatMap((place) => place.flags).map((flag) => [flag.name, flag]));
  const lines: string[] = [];
  for (const flag of flags.values()) {
    const names = flagWords([flag]).join("|");
    if (flag.choices.length > 0)
      lines.push(
        `    ${names}) COMPREPLY=($(compgen -W ${quote(flag.choices.join(" "))} -- "$current")); return ;;`,
      );
    else if (flag.takesFile) lines.push(`    ${names}) COMPREPLY=($(compgen -f -- "$current")); return ;;`);
    else if (flag.takesValue) lines.push(`    ${names}) return ;;`);
  }
  return lines.join("\n");
}

function zsh(places: readonly Place[]): string {
  const described = (text: string, help: string): string => quote(`${text.replaceAll(":", "\\:")}:${help}`);
  const cases = places.map(({ path, words, flags }) => {
    const specs = flags.map((flag) => ` \\\n        ${quote(zshFlag(flag))}`).join("");
    const list = words.map(([word, help]) => described(word, help)).join(" ");
    const first = list === "" ? "_files" : `{ local -a list=(${list}); _describe -t commands command list; }`;
    return `    ${quote(path)})
      if [[ $current == -* ]]; then ${specs === "" ? "true" : `_arguments -S${specs}`}
      else ${first}; fi ;;`;
  });
  return `#compdef keyward
_keyward() {
  local current=\${words[CURRENT]} place='' word
  local -a paths=(${pathsOf(places)})
  for word in \${words[2,CURRENT-1]}; do
    if (( \${paths[(Ie)\${place:+$place/}$word]} )); then place=\${place:+$place/}$word; fi
  done
  case \${place//\\// } in
${cases.join("\n")}
  esac
}
_keyward "$@"
`;
}

function zshFlag({ name, help, takesValue, takesFile, choices }: FlagWord): string {
  const text = help.replace(/[[\]:]/g, "\\$&");
  if (!takesValue) return `--${name}[${text}]`;
  const action = choices.length > 0 ? `(${choices.join(" ")})` : takesFile ? "_files" : " ";
  return `--${name}=[${text}]:value:${action}`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, words, flags }) => {
    const here = `-n ${quote(`__keyward_at ${quote(path)}`)}`;
    return [
      ...words.map(([word, help]) => `complete -c keyward ${here} -f -a ${quote(word)} -d ${quote(help)}`),
      ...flags.map((flag) => `complete -c keyward ${here} ${fishFlag(flag)}`),
    ];
  });
  return `# fish completion for keyward
set -g __keyward_paths ${places
    .filter(({ path }) => path !== "")
    .map(({ path }) => quote(path))
    .join(" ")}
function __keyward_at
  set -l place
  for word in (commandline -opc)[2..]
    contains -- (string trim "$place $word") $__keyward_paths; and set place (string trim "$place $word")
  end
  test "$place" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function fishFlag({ name, short, help, takesValue, takesFile, choices }: FlagWord): string {
  const value =
    choices.length > 0
      ? ` -x -a ${quote(choices.join(" "))}`
      : takesFile
        ? " -r -F"
        : takesValue
          ? " -x"
          : " -f";
  return `${short === undefined ? "" : `-s ${short} `}-l ${name}${value} -d ${quote(help)}`;
}
