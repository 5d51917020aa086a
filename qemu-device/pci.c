/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device on PCI: ids and class, and the properties that a user expects on
 * the PCI device.  Nothing of the balloon itself.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "hw/virtio/virtio-pci.h"
#include "qemu/module.h"
#include "balloon.h"

#define TYPE_BALLONET_PCI "virtio-balloon-pci-base"
OBJECT_DECLARE_SIMPLE_TYPE(BallonetPCI, BALLONET_PCI)

struct BallonetPCI {
    VirtIOPCIProxy proxy;
    Ballonet balloon;
};

BALLONET_PROPERTIES pci_properties[] = {
    BALLONET_PCI_PROPERTIES
    BALLONET_PROPERTIES_END
};

static void pci_realize(VirtIOPCIProxy *proxy, Error **errp)
{
    BallonetPCI *pci = BALLONET_PCI(proxy);

    /* One for the configuration, one for the queues; the default where there is the property. */
    if (proxy->nvectors == DEV_NVECTORS_UNSPECIFIED) {
        proxy->nvectors = 2;
    }
    proxy->class_code = PCI_CLASS_OTHERS;
    qdev_realize(DEVICE(&pci->balloon), BUS(&proxy->bus), errp);
}

static void pci_instance_init(Object *obj)
{
    BallonetPCI *pci = BALLONET_PCI(obj);

    virtio_instance_init_common(obj, &pci->balloon, sizeof(pci->balloon), TYPE_BALLONET);
    balloon_properties_on_proxy(obj, OBJECT(&pci->balloon));
}

static void pci_class_init(ObjectClass *klass, BallonetClassData *data)
{
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    VIRTIO_PCI_CLASS(klass)->realize = pci_realize;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT_QUMRANET;
    pc->device_id = PCI_DEVICE_ID_VIRTIO_BALLOON;
    pc->revision = VIRTIO_PCI_ABI_VERSION;
    pc->class_id = PCI_CLASS_OTHERS;
    set_bit(DEVICE_CATEGORY_MISC, DEVICE_CLASS(klass)->categories);
    device_class_set_props(DEVICE_CLASS(klass), pci_properties);
}

static const VirtioPCIDeviceTypeInfo ballonet_pci_types = {
    .base_name = TYPE_BALLONET_PCI,
    .generic_name = "virtio-balloon-pci",
    .transitional_name = "virtio-balloon-pci-transitional",
    .non_transitional_name = "virtio-balloon-pci-non-transitional",
    .instance_size = sizeof(BallonetPCI),
    .instance_init = pci_instance_init,
    .class_init = pci_class_init,
};

static void register_pci_types(void)
{
    virtio_pci_types_register(&ballonet_pci_types);
}

type_init(register_pci_types)
