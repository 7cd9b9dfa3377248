/** Initramfs, by Debian's initramfs-tools(7): a hook, and scripts that bring up the network for as long as it is wanted. */
import { HOME, type InitramfsFile, KEYSCRIPT, SETTINGS } from "./initramfs-image.ts";

const head = (does: string, needs = ""): string => `#!/bin/sh
# Keyward: ${does}
case \${1-} in
  prereqs)
    echo "${needs}"
    exit 0
    ;;
esac
`;

const hook = `${head("what is needed to ask for the key of the volume that the system lies on.")}. /usr/share/initramfs-tools/hook-functions
. ${SETTINGS}
. /etc/keyward/initramfs/copy
keyward_copy "$DESTDIR"
if [ -n "$NODE" ]; then
  copy_exec "$NODE" ${HOME}/node
else
  copy_exec "$PROGRAM" ${HOME}/keyward
fi
copy_exec /lib/cryptsetup/askpass
[ "$MODULES" = most ] || auto_add_modules net
manual_add_modules efivarfs
`;

/** glibc reads resolv.conf(5); ipconfig of klibc leaves what it learned in a file of its own for each device. */
const network = `${head("the network, for a volume whose key comes from a server. The boot goes on meanwhile.", "udev")}grep -qs 'keyscript=${KEYSCRIPT}' /cryptroot/crypttab || exit 0
. /scripts/functions
(
  configure_networking
  for file in /run/net-*.conf; do
    [ -e "$file" ] || continue
    . "$file"
    for server in "\${IPV4DNS0:-}" "\${IPV4DNS1:-}" "\${IPV6DNS0:-}" "\${IPV6DNS1:-}"; do
      case $server in
        "" | 0.0.0.0 | ::) ;;
        *) echo "nameserver $server" ;;
      esac
    done
    domains="\${DOMAINSEARCH:-} \${DNSDOMAIN:-}"
    [ "$domains" = ' ' ] || echo "search $domains"
  done > /etc/resolv.conf
) &
echo $! > /run/keyward-network.pid
`;

/** The system brings it up again in its own way, and finds it as it would without us. */
const down = `${head("the network goes down again before the system brings it up.")}[ -e /run/keyward-network.pid ] || exit 0
kill "$(cat /run/keyward-network.pid)" 2> /dev/null
rm -f /run/keyward-network.pid
# A root file system that comes over the network needs it.
[ "\${BOOT:-local}" = local ] || exit 0
command -v ip > /dev/null || exit 0
for file in /run/net-*.conf; do
  [ -e "$file" ] || continue
  device=\${file#/run/net-}
  device=\${device%.conf}
  ip link set dev "$device" down
  ip address flush dev "$device"
  rm -f "$file"
done
`;

/** Only root may read the image: initramfs.conf(5). */
const umask = `# Keyward: the image may hold what lets it ask for a key.
UMASK=0077
`;

export const debianFiles: readonly InitramfsFile[] = [
  { path: "/etc/initramfs-tools/hooks/keyward", mode: 0o755, text: hook },
  { path: "/etc/initramfs-tools/scripts/init-premount/keyward", mode: 0o755, text: network },
  { path: "/etc/initramfs-tools/scripts/init-bottom/keyward", mode: 0o755, text: down },
  { path: "/etc/initramfs-tools/conf.d/keyward", mode: 0o644, text: umask },
];
