# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What goes into our QEMU: the device list and the configure flags, nothing
# that runs. Its answer is part of the cache key, so a change here means a
# full build. Sourced by qemu.sh and paths.sh, after common.sh.

QEMU_VERSION=${QEMU_VERSION:-7.2}

# The targets of one tree, the one that GUEST runs on first. Those of other
# machines than this one share a tree: most of what is compiled is the same.
case $(guest_arch "${GUEST:-6.1}") in
amd64) QEMU_TARGETS=(x86_64) ;;
arm64) QEMU_TARGETS=(aarch64 s390x) ;;
s390x) QEMU_TARGETS=(s390x aarch64) ;;
esac
QEMU_TARGET=${QEMU_TARGETS[0]}
# shellcheck disable=SC2034 # for who sources this
QEMU_BIN=qemu-system-$QEMU_TARGET

# Both PC machine types, microvm, and what ordinary libvirt domains and our
# tests plug in. What a board has by itself (vmport, hpet, ...) is all there:
# without it no guest could move between this and a distribution's QEMU.
qemu_devices_x86_64() {
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

# What the fuzzers plug in, and no more: it is built by itself.
qemu_devices_fuzz() {
	printf 'CONFIG_%s=y\n' I440FX Q35 PCIE_PORT VIRTIO_PCI VIRTIO_BALLOON VIRTIO_RNG \
		VIRTIO_MEM VIRTIO_PMEM NVDIMM
	qemu_version_devices x86_64
}

# qemu_devices_foreign TARGET: what our tests plug into the board that runs
# Debian's kernel without firmware. 7.2's emulation of Arm does not link without
# small microcontrollers and semihosting.
qemu_devices_foreign() {
	local d own=S390_CCW_VIRTIO
	[ "$1" != aarch64 ] || own="ARM_VIRT PCIE_PORT VIRTIO_MEM TEST_DEVICES \
		ARM_V7M SEMIHOSTING ARM_COMPATIBLE_SEMIHOSTING"
	for d in $own VIRTIO_PCI VIRTIO_SERIAL VIRTIO_RNG VIRTIO_BALLOON; do
		printf 'CONFIG_%s=y\n' "$d"
	done
}

# qemu_version_devices TARGET: what only some versions need, nothing for older
# ones, whose key would change. 10.2's ACPI tables do not link without CXL.
qemu_version_devices() {
	case $QEMU_VERSION-$1 in
	7.2-* | 10.0-* | *-s390x) ;;
	*) printf 'CONFIG_%s=y\n' PXB CXL CXL_MEM_DEVICE ;;
	esac
}

# qemu_devices TARGET
qemu_devices() {
	case $1 in
	x86_64) qemu_devices_x86_64 ;;
	*) qemu_devices_foreign "$1" ;;
	esac
	qemu_version_devices "$1"
}

# Firmware comes from Debian's packages: the source package carries none.
QEMU_FIRMWARE=/usr/share/qemu:/usr/share/seabios:/usr/lib/ipxe/qemu

qemu_configure_flags() {
	[ "$QEMU_TARGET" = x86_64 ] || { qemu_flags_foreign; return; }
	cat <<-END
		--target-list=x86_64-softmmu
		--with-devices-x86_64=ballonet
		--without-default-devices
		--without-default-features
		--enable-system
		--enable-tcg
		--enable-plugins
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
		--firmwarepath=$QEMU_FIRMWARE
		--disable-containers
	END
}

# The package's emulator: all devices, and what Debian's qemu-system-x86 has
# without its packages of modules (windows, OpenGL, disks over the network).
qemu_flags_full() {
	printf '%s\n' --target-list=x86_64-softmmu --without-default-features \
		--prefix=/usr --sysconfdir=/etc --localstatedir=/var --libexecdir=/usr/lib/qemu \
		--firmwarepath=$QEMU_FIRMWARE --disable-containers --enable-trace-backends=log
	printf -- '--enable-%s\n' system tcg plugins kvm fdt=system pie malloc-trim membarrier \
		attr virtfs cap-ng gnutls nettle numa bpf seccomp slirp tpm keyring l2tpv3 \
		vnc vnc-sasl vnc-jpeg png spice spice-protocol smartcard libusb usb-redir \
		linux-aio linux-io-uring libpmem zstd replication \
		bochs cloop dmg parallels qcow1 qed vdi vvfat \
		vhost-kernel vhost-net vhost-user vhost-user-blk-server vhost-vdpa vhost-crypto
	[ "$QEMU_VERSION" != 7.2 ] || printf -- '--enable-%s\n' avx2 live-block-migration
}

qemu_flags_foreign() {
	cat <<-END
		--target-list=aarch64-softmmu,s390x-softmmu
		--with-devices-aarch64=ballonet
		--with-devices-s390x=ballonet
		--without-default-devices
		--without-default-features
		--enable-system
		--enable-tcg
		--enable-fdt=system
		--enable-malloc-trim
		--enable-membarrier
		--enable-pie
		--enable-trace-backends=log
		--firmwarepath=/usr/share/qemu:/usr/lib/ipxe/qemu
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
	plain | full) printf '%s\n' --enable-werror --disable-debug-info ;;
	sanitize)
		# 7.2 looks for UBSan with a program that gcc 12 warns of, and says nothing.
		printf '%s\n' --disable-werror --enable-sanitizers --enable-debug-info \
			--extra-cflags=-Wno-maybe-uninitialized
		;;
	fuzz) qemu_fuzz_flags ;;
	esac
}

# For QEMU's own fuzzer, which only clang can build, and for the coverage of our
# files, which is counted in no others. What runs under qtest needs no TCG.
qemu_fuzz_flags() {
	local profile="-fprofile-instr-generate -fcoverage-mapping"
	printf -- '--disable-%s\n' werror tcg plugins vnc slirp seccomp
	printf -- '--enable-%s\n' sanitizers debug-info fuzzing
	printf '%s\n' --with-devices-x86_64=ballonet-fuzz --cc=clang-14 --cxx=clang++-14 \
		"--extra-cflags=$profile -fprofile-list=${build:?}/profile-list" \
		--extra-ldflags=-fprofile-instr-generate
}

# qemu_fuzz_files TREE BUILD: what those flags name.
qemu_fuzz_files() {
	qemu_devices_fuzz >"$1/src/configs/devices/x86_64-softmmu/ballonet-fuzz.mak"
	echo 'src:*/hw/virtio/ballonet/*' >"$2/profile-list"
}

# qemu_flags FLAVOUR: plain; sanitize; fuzz; or full, which the package has.
qemu_flags() {
	case $1 in
	full) qemu_flags_full ;;
	*) qemu_configure_flags ;;
	esac
	qemu_version_flags
	qemu_flavour_flags "$1"
}

# qemu_flavour_suffix FLAVOUR: tells apart what one tree built. The flags of the
# plain one are in the tree's own key.
qemu_flavour_suffix() {
	case $1 in
	plain) ;;
	full | sanitize) echo "-$1-$(qemu_flags "$1" | digest | cut -c1-8)" ;;
	*) echo "-$1" ;;
	esac
}

# qemu_graft_foreign TREE: beside graft-qemu.sh. Our proxy for s390x' channel
# devices takes the place of the stock one, which knows the stock device's type.
qemu_graft_foreign() {
	sed -i "/'virtio-ccw-balloon\.c'/d" "$1/hw/s390x/meson.build"
}

# qemu_recipe: the key of a tree; two checkouts with the same answer share one.
qemu_recipe() {
	{
		if [ "$QEMU_TARGET" = x86_64 ]; then
			qemu_devices x86_64
		else
			qemu_devices aarch64
			qemu_devices s390x
			declare -f qemu_graft_foreign
		fi
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
