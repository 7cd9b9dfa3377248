/**
 * `npm run test:vm`: Keyward inside virtual machines: installs what they need, builds, then runs every story of
 * test/vm. Words after `--` narrow it to stories whose name holds one of them: `npm run test:vm -- uefi`.
 */
import { environment, installDebianPackages, installPackages, node, run } from "./prepare.mjs";

if (process.platform !== "linux" || process.arch !== "x64") {
  console.error("the virtual machines are made for linux x64 only");
  process.exit(1);
}
installPackages();
installDebianPackages({
  "qemu-system-x86_64": "qemu-system-x86",
  "linux.uml": "user-mode-linux",
  "/usr/share/OVMF/OVMF_CODE_4M.fd": "ovmf",
  busybox: "busybox-static",
  cryptsetup: "cryptsetup-bin",
  lvm: "lvm2",
  dmsetup: "dmsetup",
  "mkfs.ext4": "e2fsprogs",
  "ssh-keygen": "openssh-client",
  socat: "socat",
  "slirp-fullbolt": "slirp",
  setpriv: "util-linux",
  script: "bsdutils",
  // Salt, from PyPI as `npm run test:peers` has it.
  "/usr/bin/python3.11": "python3.11-venv",
  dpkg: "dpkg",
});

const env = environment();
const step = (name, args) => {
  console.error(`── ${name}`);
  run(node(), args, { env });
};

step("build", ["scripts/build.mjs"]);
step("build the executable", ["scripts/build-exe.mjs"]);
step("prepare the machines", ["test/vm/prepare.ts"]);
step("stories", ["test/vm/stories.ts", ...process.argv.slice(2)]);
