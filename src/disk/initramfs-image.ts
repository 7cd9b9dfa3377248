/** Initramfs image: what both tools put into it, and what runs in it. Plain sh: the image has busybox, or klibc's. */

export interface InitramfsFile {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly text: string;
}

export const SETTINGS = "/etc/keyward/initramfs/settings";
/** As crypttab(5) names it: the same path on the disk and in the image. */
export const KEYSCRIPT = "/etc/keyward/initramfs/keyscript";

/** In the image. */
export const HOME = "/usr/lib/keyward";

/**
 * Sourced by the hook of either tool. The node's certificate stays out: by the next boot it would be an older one, and
 * showing it would look like a copy of the machine. Programs are copied by the tool, with the libraries they need.
 */
export const copyScript = `# Keyward: what goes into the image beside programs. Sourced, after the settings.
# keyward_copy DIRECTORY
keyward_copy() {
  keyward_before=$(umask)
  umask 077
  mkdir -p "$1$STATE" "$1${HOME}"
  chmod 0700 "$1$STATE"
  for keyward_file in ca.pem server.json volumes.json; do
    cp "$STATE/$keyward_file" "$1$STATE/$keyward_file" ||
      echo "W: keyward: without it somebody has to type a key at boot; see keyward disk preflight" >&2
  done
  if [ "$IDENTITY" = kept ]; then
    sed -n '/^-----BEGIN PRIVATE KEY-----$/,/^-----END PRIVATE KEY-----$/p' "$STATE/identity.pem" \\
      > "$1$STATE/identity.pem"
  else
    case $SEED in
      /*)
        mkdir -p "$1\${SEED%/*}"
        cp "$SEED" "$1$SEED"
        ;;
    esac
  fi
  umask 022
  if [ -n "$NODE" ]; then
    for keyward_file in $(cd "$PROGRAM" && find . -name exe -prune -o -name '*.cjs' -print); do
      mkdir -p "$1${HOME}/dist/\${keyward_file%/*}"
      cp "$PROGRAM/$keyward_file" "$1${HOME}/dist/$keyward_file"
    done
    cp "$PROGRAM/package.json" "$1${HOME}/dist/package.json"
  fi
  mkdir -p "$1/etc"
  [ ! -e /etc/hosts ] || cp /etc/hosts "$1/etc/hosts"
  [ -e "$1/etc/nsswitch.conf" ] || echo 'hosts: files dns' > "$1/etc/nsswitch.conf"
  # The clock of a machine may have stopped; no image is used before it was made.
  date +%s > "$1${HOME}/made"
  {
    echo '#!/bin/sh'
    echo "STATE='$STATE' IDENTITY='$IDENTITY' SEED='$SEED' NODE='$NODE'"
    cat << 'END'
ulimit -c 0
made=$(cat ${HOME}/made)
now=$(date +%s 2> /dev/null) || now=$made
[ "$now" -ge "$made" ] || date -s "@$made" > /dev/null
if [ "$SEED" = uefi ] && ! grep -q ' efivarfs ' /proc/mounts; then
  modprobe -q efivarfs
  mount -t efivarfs efivarfs /sys/firmware/efi/efivars 2> /dev/null
fi
set -- disk keyscript "$@" --state "$STATE" --identity "$IDENTITY"
[ -z "$SEED" ] || set -- "$@" --seed "$SEED"
[ -z "$NODE" ] || exec ${HOME}/node --disable-sigusr1 ${HOME}/dist/keyward.cjs "$@"
exec ${HOME}/keyward "$@"
END
  } > "$1${HOME}/run"
  chmod 0755 "$1${HOME}/run"
  umask "$keyward_before"
}
`;

/** The last way, when even our program does not run, is what Debian would have done without it. */
export const keyscript = `#!/bin/sh
# Keyward: the key of a volume that is opened in the initramfs, to standard output. See crypttab(5), keyscript=.
if [ -x ${HOME}/run ] && ${HOME}/run "$CRYPTTAB_NAME" --prompt askpass; then
  exit 0
fi
exec /lib/cryptsetup/askpass "Please unlock disk $CRYPTTAB_NAME: "
`;
