/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device on the channel subsystem of s390x: what a user expects on the
 * proxy, by the names that it has on PCI.  Nothing of the balloon itself.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "hw/s390x/virtio-ccw.h"
#include "qemu/module.h"
#include "balloon.h"

#define TYPE_BALLONET_CCW "virtio-balloon-ccw"
OBJECT_DECLARE_SIMPLE_TYPE(BallonetCCW, BALLONET_CCW)

struct BallonetCCW {
    VirtioCcwDevice proxy;
    Ballonet balloon;
};

BALLONET_PROPERTIES ccw_properties[] = {
    DEFINE_PROP_UINT32("max_revision", VirtioCcwDevice, max_rev, VIRTIO_CCW_MAX_REV),
    DEFINE_PROP_BIT("ioeventfd", VirtioCcwDevice, flags, VIRTIO_CCW_FLAG_USE_IOEVENTFD_BIT, true),
    BALLONET_PROPERTIES_END
};

static void ccw_realize(VirtioCcwDevice *proxy, Error **errp)
{
    qdev_realize(DEVICE(&BALLONET_CCW(proxy)->balloon), BUS(&proxy->bus), errp);
}

static void ccw_instance_init(Object *obj)
{
    BallonetCCW *ccw = BALLONET_CCW(obj);

    virtio_instance_init_common(obj, &ccw->balloon, sizeof(ccw->balloon), TYPE_BALLONET);
    balloon_properties_on_proxy(obj, OBJECT(&ccw->balloon));
}

static void ccw_class_init(ObjectClass *klass, BallonetClassData *data)
{
    VIRTIO_CCW_DEVICE_CLASS(klass)->realize = ccw_realize;
    set_bit(DEVICE_CATEGORY_MISC, DEVICE_CLASS(klass)->categories);
    device_class_set_props(DEVICE_CLASS(klass), ccw_properties);
}

static const TypeInfo ccw_type = {
    .name = TYPE_BALLONET_CCW,
    .parent = TYPE_VIRTIO_CCW_DEVICE,
    .instance_size = sizeof(BallonetCCW),
    .instance_init = ccw_instance_init,
    .class_init = ccw_class_init,
};

static void register_ccw_type(void)
{
    type_register_static(&ccw_type);
}

type_init(register_ccw_type)
