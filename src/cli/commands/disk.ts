/** `keyward disk`: encrypted volumes that keys unlock. */
import { runnable } from "../run.ts";
import { approve } from "./disk/approve.ts";
import { bind } from "./disk/bind.ts";
import { escrow } from "./disk/escrow.ts";
import { init } from "./disk/init.ts";
import { initramfs } from "./disk/initramfs.ts";
import { keyscript } from "./disk/keyscript.ts";
import { list } from "./disk/list.ts";
import { lock } from "./disk/lock.ts";
import { openShare } from "./disk/open-share.ts";
import { preflight } from "./disk/preflight.ts";
import { restore } from "./disk/restore.ts";
import { rotate } from "./disk/rotate.ts";
import { renew, shares } from "./disk/shares.ts";
import { status } from "./disk/status.ts";
import { units } from "./disk/units.ts";
import { wipe } from "./disk/wipe.ts";

export const command = runnable("disk", {
  summary: "Disks: encrypted volumes whose keys come when they are opened, and only then.",
  acts: {
    ...{
      list,
      approve,
      status,
      preflight,
      units,
      initramfs,
      keyscript,
      init,
      bind,
      rotate,
      lock,
      restore,
      escrow,
    },
    ...{ shares, "open-share": openShare, renew, wipe },
  },
});
