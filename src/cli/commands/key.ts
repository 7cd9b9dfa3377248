/** `keyward key`: what is kept. */
import { runnable } from "../run.ts";
import { derive } from "./key/derive.ts";
import { generate } from "./key/generate.ts";
import { get } from "./key/get.ts";
import { history, list, show } from "./key/look.ts";
import { publicHalves } from "./key/public.ts";
import { put } from "./key/put.ts";
import { destroy, rm, rollback, rotate } from "./key/versions.ts";

export const command = runnable("key", {
  summary: "Keys: names such as db/orders/password, with numbered versions.",
  acts: {
    put,
    get,
    generate,
    derive,
    list,
    show,
    history,
    public: publicHalves,
    rotate,
    rollback,
    destroy,
    rm,
  },
});
