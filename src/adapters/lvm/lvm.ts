/** LVM: logical volumes beneath or above an encrypted one, by lvm(8). */
import { KeywardError } from "../../base/errors.ts";
import type { LogicalVolume } from "../../model/volume.ts";
import { callProgram, hasUdev, type Said } from "../host-program.ts";
import { type RunProgram, runProgram } from "../process.ts";

/** All throw `local` where lvm is missing or fails. */
export interface Lvm {
  /** Is there such a volume, active or not? */
  has(volume: LogicalVolume): Promise<boolean>;
  /** Its group too, with all that is in it. Nothing to do when it is active. @throws KeywardError `not-found` */
  activate(volume: LogicalVolume): Promise<void>;
  /** Nothing to do when there is no such group. @throws KeywardError `busy` */
  deactivate(volume: LogicalVolume): Promise<void>;
  /**
   * A physical volume on the device, a group on it, and a volume that fills it. What an earlier call that was broken
   * off has done is taken up.
   *
   * @param device - Blank, as the caller has made sure, or a physical volume of this group, or of none.
   * @throws KeywardError `conflict` when it is in another group.
   */
  create(device: string, volume: LogicalVolume): Promise<void>;
}

const packages = "lvm2";

export function createLvm(run: RunProgram = runProgram): Lvm {
  const call = (...words: string[]): Promise<Said> => callProgram(run, ["lvm", ...words], { packages });

  async function must(...words: string[]): Promise<Said> {
    const answer = await call(...words);
    if (answer.status === 0) return answer;
    throw new KeywardError("local", `lvm ${words[0]}: ended with ${answer.status}: ${answer.said}`);
  }

  /** Device files are udev's, unless there is none. */
  async function makeNodes(): Promise<void> {
    if (hasUdev()) return;
    await callProgram(run, ["dmsetup", "mknodes"], { packages: "dmsetup" });
    await must("vgmknodes");
  }
  const unsynced = (): string[] => (hasUdev() ? [] : ["--noudevsync"]);

  async function groupOn(device: string): Promise<string | null> {
    const { status, stdout } = await call("pvs", "--noheadings", "--options", "vg_name", device);
    return status === 0 ? stdout.trim() : null;
  }

  const hasGroup = async (group: string): Promise<boolean> =>
    (await call("vgs", "--noheadings", "--options", "vg_name", group)).status === 0;

  const lvm: Lvm = {
    async has({ group, volume }) {
      return (await call("lvs", "--noheadings", "--options", "lv_name", `${group}/${volume}`)).status === 0;
    },

    async activate(volume) {
      if (!(await lvm.has(volume)))
        throw new KeywardError(
          "not-found",
          `logical volume ${volume.group}/${volume.volume}: there is none`,
          {
            hint: "is its disk there? see: lvs, pvs",
          },
        );
      await must("vgchange", ...unsynced(), "--activate", "y", volume.group);
      await makeNodes();
    },

    async deactivate({ group }) {
      if (!(await hasGroup(group))) return;
      const { status, said } = await call("vgchange", ...unsynced(), "--activate", "n", group);
      if (status !== 0) throw new KeywardError("busy", `volume group ${group}: is in use (${said})`);
    },

    async create(device, { group, volume }) {
      const before = await groupOn(device);
      if (before !== null && before !== "" && before !== group)
        throw new KeywardError("conflict", `device ${device}: is part of volume group ${before}`);
      if (before === null) await must("pvcreate", "-qq", device);
      if (before !== group) {
        if (await hasGroup(group))
          throw new KeywardError("conflict", `volume group ${group}: is there already, on another device`);
        await must("vgcreate", "-qq", group, device);
      }
      if (await lvm.has({ group, volume })) return await lvm.activate({ group, volume });
      const words = [
        "-qq",
        "--zero",
        "n",
        "--wipesignatures",
        "n",
        "--extents",
        "100%FREE",
        "--name",
        volume,
        group,
      ];
      await must("lvcreate", ...unsynced(), ...words);
      await makeNodes();
    },
  };
  return lvm;
}
