/** `keyward data-bag`: Chef's data bags, in files and in a chef repository. */
import { runnable } from "../run.ts";
import { create, fromFile, remove } from "./data-bag/change.ts";
import { decrypt, encrypt } from "./data-bag/convert.ts";
import { edit } from "./data-bag/edit.ts";
import { list, show } from "./data-bag/look.ts";
import { reseal } from "./data-bag/reseal.ts";

export const command = runnable("data-bag", {
  summary: "Chef's encrypted data bags: items of versions 0 to 3, in files and in a chef repository.",
  acts: { decrypt, encrypt, show, list, create, edit, "from-file": fromFile, delete: remove, reseal },
});
