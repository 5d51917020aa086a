/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libvirt's XML says of a domain: its balloon, and in our namespace of its
 * <metadata> what the administrator wants of it:
 *
 *   virsh metadata NAME --uri urn:ballonet:overcommit:1 --key ballonet \
 *       --set "<guest weight='200' min='512M'/>"
 *
 * Pure; from any thread.
 */
#ifndef BALLONET_METADATA_H
#define BALLONET_METADATA_H

#include <glib.h>

#include "config.h"

#define METADATA_URI "urn:ballonet:overcommit:1"

typedef struct BalloonXml {
    bool present;
    bool autodeflate;
    unsigned period; /* seconds between two statistics; 0: none are asked for */
} BalloonXml;

/* Return: false where the XML cannot be read. */
bool metadata_balloon(const char *domain_xml, BalloonXml *out);

/* Applies the element's attributes to guest. faults: takes a text for each that is wrong. */
void metadata_apply(const char *element_xml, GuestConfig *guest, GPtrArray *faults);

#endif
