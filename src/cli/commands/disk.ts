/** `keyward disk`: encrypted volumes that keys unlock. */
import { runnable } from "../run.ts";
import { approve } from "./disk/approve.ts";
import { list } from "./disk/list.ts";

export const command = runnable("disk", {
  summary: "Disks: encrypted volumes whose keys come when they are opened, and only then.",
  acts: { list, approve },
});
