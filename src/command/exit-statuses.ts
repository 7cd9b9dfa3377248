/** The exit statuses and what they mean; `src/base/errors.ts` gives each error its own. */

export const exitStatuses: Readonly<Record<string, string>> = {
  "0": "done",
  "1": "wrong usage, or something on this machine: a file, a flag, a value",
  "2": "the server failed, is sealed, or has no root key yet",
  "3": "not found",
  "4": "denied, or not signed in",
  "5": "the server cannot be reached",
  "6": "conflict: someone changed it meanwhile, or holds it",
  "7": "integrity: something was changed, or is sealed by another key",
  "8": "changes are pending (`keyward plan`); nodes could not be pushed to (`keyward push`); there is something to see to (`keyward doctor`)",
};
