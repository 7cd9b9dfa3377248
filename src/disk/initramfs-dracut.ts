/**
 * Initramfs, by dracut(8) with systemd in it: systemd-cryptsetup asks at `/run/cryptsetup-keys.d/NAME.key`, and systemd
 * starts our program with that connection as its standard output.
 */
import { HOME, type InitramfsFile, SETTINGS } from "./initramfs-image.ts";

const module = `#!/bin/bash
# Keyward: the key of the volume that the system lies on, from a server.

check() {
  # Only where somebody has asked for it, by /etc/dracut.conf.d/keyward.conf.
  [[ -r $dracutsysrootdir${SETTINGS} ]] || return 255
  require_binaries cryptsetup date grep cat || return 1
  return 255
}

depends() {
  echo systemd crypt network
}

installkernel() {
  instmods efivarfs
}

install() {
  local name
  . "$dracutsysrootdir${SETTINGS}"
  . "$dracutsysrootdir/etc/keyward/initramfs/copy"
  inst_multiple cryptsetup date grep cat mount modprobe systemd-ask-password
  if [[ $NODE ]]; then
    inst_binary "$NODE" ${HOME}/node
  else
    inst_binary "$PROGRAM" ${HOME}/keyward
  fi
  keyward_copy "$initdir"
  mkdir -p "$initdir/etc/cmdline.d" "$initdir/etc/systemd/system/sysinit.target.wants"
  echo 'rd.neednet=1' > "$initdir/etc/cmdline.d/90keyward.conf"
  # Where neither the kernel's command line nor anybody else says how.
  mkdir -p "$initdir/etc/systemd/network"
  printf '[Match]\\nKind=!*\\nType=ether\\n\\n[Network]\\nDHCP=yes\\n' > "$initdir/etc/systemd/network/zzz-keyward.network"
  for name in $VOLUMES; do
    # The module crypt takes only lines of volumes that it finds in use, and only for an image of this one machine.
    if ! grep -qs "^$name[[:space:]]" "$initdir/etc/crypttab"; then
      grep "^$name[[:space:]]" "$dracutsysrootdir/etc/crypttab" >> "$initdir/etc/crypttab" ||
        dwarning "keyward: $name is not in /etc/crypttab: keyward disk initramfs prints its line"
    fi
    cat > "$initdir/etc/systemd/system/keyward-key-$name.socket" << END
[Unit]
Description=Key of the volume $name, from Keyward
DefaultDependencies=no
Before=cryptsetup-pre.target sockets.target initrd-switch-root.target
Wants=cryptsetup-pre.target systemd-networkd.service
Conflicts=initrd-switch-root.target

[Socket]
ListenStream=/run/cryptsetup-keys.d/$name.key
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes
Accept=yes
MaxConnections=4
END
    cat > "$initdir/etc/systemd/system/keyward-key-$name@.service" << END
[Unit]
Description=Key of the volume $name, from Keyward
DefaultDependencies=no
Before=initrd-switch-root.target
Conflicts=initrd-switch-root.target
CollectMode=inactive-or-failed

[Service]
ExecStart=${HOME}/run $name --prompt systemd
StandardInput=null
StandardOutput=socket
StandardError=journal+console
LimitCORE=0
END
    ln -sf "../keyward-key-$name.socket" \\
      "$initdir/etc/systemd/system/sysinit.target.wants/keyward-key-$name.socket"
  done
}
`;

const configuration = `# Keyward: the image has what it asks for a key with; see keyward disk initramfs.
add_dracutmodules+=" keyward "
`;

export const dracutFiles: readonly InitramfsFile[] = [
  { path: "/usr/lib/dracut/modules.d/90keyward/module-setup.sh", mode: 0o755, text: module },
  { path: "/etc/dracut.conf.d/keyward.conf", mode: 0o644, text: configuration },
];
