# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What goes into our QEMU: the device list and the configure flags, nothing
# that runs. Its answer is part of the cache key, so a change here means a
# full build. Sourced by qemu.sh and paths.sh.

QEMU_VERSION=${QEMU_VERSION:-7.2}

# Both PC machine types, microvm, and what ordinary libvirt domains and our
# tests plug in. What a board has by itself (vmport, hpet, ...) is all there:
# without it no guest could move between this and a distribution's QEMU.
qemu_devices() {
	local d
	for d in ISAPC I440FX Q35 MICROVM PCIE_PORT I82801B11 XIO3130 \
		VIRTIO_PCI VIRTIO_MMIO VIRTIO_BLK VIRTIO_NET VIRTIO_SERIAL VIRTIO_RNG \
		VIRTIO_BALLOON VIRTIO_MEM VIRTIO_SCSI VIRTIO_INPUT VIRTIO_GPU VIRTIO_VGA \
		VIRTIO_IOMMU VIRTIO_CRYPTO VIRTIO_PMEM NVDIMM VTD VFIO VFIO_PCI \
		VMPORT VMMOUSE HPET PARALLEL PVPANIC_ISA SERIAL_ISA SERIAL_PCI \
		VGA_PCI E1000_PCI E1000E_PCI_EXPRESS HDA USB_XHCI_PCI USB_EHCI_PCI USB_UHCI \
		USB_STORAGE_CORE USB_STORAGE_CLASSIC TEST_DEVICES ISA_TESTDEV PCI_TESTDEV \
		ISA_DEBUG; do
		printf 'CONFIG_%s=y\n' "$d"
	done
}

# Firmware comes from Debian's packages: the source package carries none.
qemu_configure_flags() {
	cat <<-END
		--target-list=x86_64-softmmu
		--with-devices-x86_64=ballonet
		--without-default-devices
		--without-default-features
		--enable-system
		--enable-tcg
		--enable-kvm
		--enable-fdt=system
		--enable-vnc
		--enable-slirp
		--enable-seccomp
		--enable-vhost-kernel
		--enable-vhost-net
		--enable-malloc-trim
		--enable-membarrier
		--enable-pie
		--enable-trace-backends=log
		--firmwarepath=/usr/share/qemu:/usr/share/seabios:/usr/lib/ipxe/qemu
		--disable-containers
	END
}

# What only some versions know. Nothing for 7.2: its key would change.
qemu_version_flags() {
	[ "$QEMU_VERSION" = 7.2 ] || printf '%s\n' --enable-pixman --disable-install-blobs
}

# Sanitizers need line numbers and set off some of gcc's warnings in vain.
qemu_flavour_flags() {
	case $1 in
	plain) printf '%s\n' --enable-werror --disable-debug-info ;;
	sanitize) printf '%s\n' --disable-werror --enable-sanitizers --enable-debug-info ;;
	esac
}

# qemu_recipe: the key of a tree; two checkouts with the same answer share one.
qemu_recipe() {
	{
		qemu_devices
		qemu_configure_flags
		qemu_version_flags
		qemu_flavour_flags plain
		cat "$ROOT/scripts/graft-qemu.sh"
	} | digest | cut -c1-8
}

# qemu_device_files: what of the checkout goes into the tree, as lines
# "<name there>\t<file>". Notes and editor leftovers do not.
qemu_device_files() {
	find "$ROOT/qemu-device" -maxdepth 1 -type f \
		\( -name '*.[ch]' -o -name 'meson.build' -o -name trace-events \) \
		-printf '%f\t%p\n' 2>/dev/null
	find "$ROOT/spec" -maxdepth 1 -type f -name '*.h' -printf '%f\t%p\n' 2>/dev/null
}

# qemu_device_hash: names one output; "stock" while there is no device.
qemu_device_hash() {
	if [ ! -e "$ROOT/qemu-device/meson.build" ]; then
		echo stock
		return
	fi
	qemu_device_files | LC_ALL=C sort | while IFS=$'\t' read -r name file; do
		printf '%s ' "$name"
		sha256sum <"$file"
	done | digest
}

# qemu_tree VERSION: the folder of one Debian version built by this recipe.
qemu_tree() {
	local revision=${1##*-}
	# Later versions come with one revision for many upstream releases.
	[ "$QEMU_VERSION" = 7.2 ] || revision=${1#*:}
	echo "$CACHE/qemu-$QEMU_VERSION-${revision//[+~]/.}-$(qemu_recipe)"
}
