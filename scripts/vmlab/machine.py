# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest is plugged into, by its architecture: board, CPU, console, the
port of the command channel, the balloon's place. Facts only; vm.py uses them."""

from dataclasses import dataclass

# Tests of the kernel's ciphers take a quarter of a boot under TCG.
KERNEL_ARGS = ("loglevel=5 panic=-1 no_timer_check mitigations=off random.trust_cpu=on"
               " cryptomgr.notests")


@dataclass(frozen=True)
class Machine:
    """board, cpu: of QEMU, cpu where nothing but TCG can be. console, agent: the guest's
    names of both ports. agent_args: QEMU's for the second, whose chardev is "agent". balloon: what
    -device calls it there. modules: the transport's. ram: where guest memory begins."""

    board: str
    cpu: str
    console: str
    agent: str
    agent_args: tuple
    balloon: str
    modules: tuple
    ram: int = 0
    little_endian: bool = True

    def kernel_args(self, more):
        """The kernel's command line; more: words at its end."""
        return f"console={self.console} {KERNEL_ARGS} {more}".strip()


def _virtio_serial(kind):
    return ("-device", kind, "-device", "virtserialport,chardev=agent,name=agent")


PCI = "virtio-balloon-pci"
MACHINES = {
    # Without erms the guest clears pages by words: under TCG twice as fast as by bytes. A kernel
    # that finds fsrm then (QEMU 10.0 has it) does not boot.
    "amd64": Machine(
        board="q35",
        cpu="max,-erms,-fsrm",
        console="ttyS0",
        agent="/dev/ttyS1",
        agent_args=("-serial", "chardev:agent"),
        balloon=PCI,
        modules=("virtio_pci", "virtio_mmio"),
    ),
    # This CPU knows all three page sizes, and no pointer authentication, which TCG is slow at.
    "arm64": Machine(
        board="virt",
        cpu="neoverse-n1",
        console="ttyAMA0",
        agent="/dev/vport*p1",
        agent_args=_virtio_serial("virtio-serial-pci"),
        balloon=PCI,
        modules=("virtio_pci", "virtio_mmio", "virtio_console"),
        ram=1 << 30,
    ),
    "s390x": Machine(
        board="s390-ccw-virtio",
        cpu="max",
        console="ttysclp0",
        agent="/dev/vport*p1",
        agent_args=_virtio_serial("virtio-serial-ccw"),
        balloon="virtio-balloon-ccw",
        modules=("virtio_pci", "virtio_console"),
        little_endian=False,
    ),
}


def of(paths):
    """The Machine for these paths.Paths."""
    return MACHINES[paths.arch]
