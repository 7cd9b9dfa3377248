/** `keyward vault-item`: chef-vault's items, in a chef repository and on a Chef server. */
import { runnable } from "../run.ts";
import { edit, refresh, remove, update } from "./vault-item/change.ts";
import { create, remove as removeAll } from "./vault-item/create.ts";
import { show } from "./vault-item/look.ts";
import { rotateAllKeys, rotateKeys } from "./vault-item/rotate.ts";

export const command = runnable("vault-item", {
  summary: "chef-vault's items: data bag items encrypted for each of their readers.",
  acts: {
    create,
    show,
    edit,
    update,
    remove,
    refresh,
    "rotate-keys": rotateKeys,
    "rotate-all-keys": rotateAllKeys,
    delete: removeAll,
  },
});
