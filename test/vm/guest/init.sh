#!/bin/busybox sh
# The first process of a guest. The kernel hands the words of its command line on as variables:
# KW_PROGRAM names the program of test/vm/guest/ that is run; then the machine is switched off.
export PATH=/usr/sbin:/usr/bin:/bin HOME=/root LC_ALL=C

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir /dev/pts
mount -t devpts devpts /dev/pts
ln -s /proc/self/fd /dev/fd
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs tmpfs /tmp

modules=/modules/$(uname -r)
while read -r module; do
  insmod "$modules/$module" || echo "init: $module does not load"
done < "$modules/order"
[ ! -d /sys/firmware/efi ] || mount -t efivarfs efivarfs /sys/firmware/efi/efivars
ip link set lo up
if [ -n "$KW_ADDRESS" ]; then
  # No route: what is not in this network cannot be reached.
  ip addr add 10.0.2.15/24 dev eth0
  ip link set eth0 up
  echo "$KW_ADDRESS keys.test" >> /etc/hosts
fi

if [ -n "$KW_ROOT" ]; then
  # The system on a disk takes over; a unit of it runs the program, and switches the machine off.
  mount -t ext4 "$KW_ROOT" /mnt
  cp /etc/hosts /mnt/etc/hosts
  [ ! -d /files ] || cp -a /files/. /mnt/
  env | grep '^KW_' > /run/story.env
  for place in proc sys dev run; do mount --move "/$place" "/mnt/$place"; done
  exec switch_root /mnt /lib/systemd/systemd
fi

story='node "/guest/$KW_PROGRAM.cjs" || echo "init: $KW_PROGRAM ended with $?"; poweroff -f'
if [ -n "$KW_LAYERS" ]; then
  # Disks with programs, only read, the first one uppermost; what is written stays in memory.
  mkdir -p /layers/memory
  mount -t tmpfs tmpfs /layers/memory
  mkdir /layers/memory/upper /layers/memory/work
  lower=
  for disk in $(echo "$KW_LAYERS" | tr : " "); do
    mkdir "/layers/$disk"
    mount -t ext4 -o ro,noload "/dev/$disk" "/layers/$disk"
    lower=$lower${lower:+:}/layers/$disk
  done
  mount -t overlay -o "lowerdir=$lower,upperdir=/layers/memory/upper,workdir=/layers/memory/work" overlay /mnt
  cp /etc/hosts /mnt/etc/hosts
  [ ! -d /files ] || cp -a /files/. /mnt/
  for place in proc sys dev run tmp; do mount --move "/$place" "/mnt/$place"; done
  exec switch_root /mnt /bin/sh -c "$story"
fi
eval "$story"
