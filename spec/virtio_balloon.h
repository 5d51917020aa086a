/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wire between a VIRTIO traditional memory balloon device (device id 5)
 * and its driver: every constant and layout of the balloon section (5.5) of
 * VIRTIO 1.4 and of our extension (page-ops.md).  Driver, device and tests
 * all take them from here, and only from here; do not include it beside
 * <linux/virtio_balloon.h>, which defines the same names.
 *
 * Byte order: fields named le16/le32/le64 by the specification are __le*; the
 * fields of a PFN array and of a statistic are __virtio*: little-endian where
 * VIRTIO_F_VERSION_1 was negotiated, the guest's own order where it was not
 * (5.5.6.1, 5.5.6.3.1).
 */
#ifndef BALLONET_SPEC_VIRTIO_BALLOON_H
#define BALLONET_SPEC_VIRTIO_BALLOON_H

#include <linux/types.h>
#include <linux/virtio_types.h>

#define VIRTIO_BALLOON_DEVICE_ID	5

/* Feature bits (5.5.3). */
#define VIRTIO_BALLOON_F_MUST_TELL_HOST	0 /* no use of a page before its deflate is acknowledged */
#define VIRTIO_BALLOON_F_STATS_VQ	1 /* statsq is there */
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM	2 /* the guest may deflate below target when it runs dry */
#define VIRTIO_BALLOON_F_FREE_PAGE_HINT	3 /* free_page_vq and free_page_hint_cmd_id are there */
#define VIRTIO_BALLOON_F_PAGE_POISON	4 /* poison_val is there */
#define VIRTIO_BALLOON_F_REPORTING	5 /* reporting_vq is there */

/*
 * Virtqueue numbers of the specification (5.5.2).  QEMU leaves out the queues
 * of features it does not offer, Linux those of features that were not
 * negotiated; what follows then moves up.
 */
#define VIRTIO_BALLOON_VQ_INFLATE	0
#define VIRTIO_BALLOON_VQ_DEFLATE	1
#define VIRTIO_BALLOON_VQ_STATS		2
#define VIRTIO_BALLOON_VQ_FREE_PAGE	3
#define VIRTIO_BALLOON_VQ_REPORTING	4
#define VIRTIO_BALLOON_VQ_MAX		5

/* A PFN is counted in these units whatever the guest's page size (5.5.6). */
#define VIRTIO_BALLOON_PFN_SHIFT	12
#define VIRTIO_BALLOON_PFN_SIZE		(1 << VIRTIO_BALLOON_PFN_SHIFT)

/* Values of free_page_hint_cmd_id that name no run (5.5.6.5). */
#define VIRTIO_BALLOON_CMD_ID_STOP	0
#define VIRTIO_BALLOON_CMD_ID_DONE	1

/* Device configuration (5.5.4), little-endian for legacy devices too. */
struct virtio_balloon_config {
	__le32 num_pages;		/* target, 4 KiB units; written by the device */
	__le32 actual;			/* size, 4 KiB units; written by the driver */
	__le32 free_page_hint_cmd_id;	/* FREE_PAGE_HINT; written by the device */
	__le32 poison_val;		/* PAGE_POISON; written by the driver */
};

/* Tags of memory statistics (5.5.6.3.2). */
#define VIRTIO_BALLOON_S_SWAP_IN	0  /* bytes swapped in */
#define VIRTIO_BALLOON_S_SWAP_OUT	1  /* bytes swapped out */
#define VIRTIO_BALLOON_S_MAJFLT		2  /* major faults */
#define VIRTIO_BALLOON_S_MINFLT		3  /* minor faults */
#define VIRTIO_BALLOON_S_MEMFREE	4  /* bytes free and unused */
#define VIRTIO_BALLOON_S_MEMTOT		5  /* bytes in all */
#define VIRTIO_BALLOON_S_AVAIL		6  /* bytes usable without swapping */
#define VIRTIO_BALLOON_S_CACHES		7  /* bytes of reclaimable cache */
#define VIRTIO_BALLOON_S_HTLB_PGALLOC	8  /* huge page allocations that succeeded */
#define VIRTIO_BALLOON_S_HTLB_PGFAIL	9  /* huge page allocations that failed */
#define VIRTIO_BALLOON_S_OOM_KILL	10 /* OOM kills */
#define VIRTIO_BALLOON_S_ALLOC_STALL	11 /* allocations that had to reclaim */
#define VIRTIO_BALLOON_S_SCAN_ASYNC	12 /* bytes scanned by background reclaim */
#define VIRTIO_BALLOON_S_SCAN_DIRECT	13 /* bytes scanned by direct reclaim */
#define VIRTIO_BALLOON_S_RECLAIM_ASYNC	14 /* bytes reclaimed in the background */
#define VIRTIO_BALLOON_S_RECLAIM_DIRECT	15 /* bytes reclaimed directly */
#define VIRTIO_BALLOON_S_NR		16

/* Private tags, from 0x8000 on (statistics-tags.md): what a guest's need is read from. */
#define VIRTIO_BALLOON_S_PRIVATE	32768
#define VIRTIO_BALLOON_S_SEQUENCE	32768 /* number of this buffer */
#define VIRTIO_BALLOON_S_BALLOON	32769 /* bytes in the balloon */
#define VIRTIO_BALLOON_S_ACTIVE_ANON	32770 /* bytes on the active list, anonymous */
#define VIRTIO_BALLOON_S_INACTIVE_ANON	32771 /* bytes on the inactive list, anonymous */
#define VIRTIO_BALLOON_S_ACTIVE_FILE	32772 /* bytes on the active list, of files */
#define VIRTIO_BALLOON_S_INACTIVE_FILE	32773 /* bytes on the inactive list, of files */
#define VIRTIO_BALLOON_S_REFAULT_ANON	32774 /* bytes read again soon after reclaim, anonymous */
#define VIRTIO_BALLOON_S_REFAULT_FILE	32775 /* bytes read again soon after reclaim, of files */
#define VIRTIO_BALLOON_S_PRESSURE_SOME	32776 /* microseconds that some task waited for memory */
#define VIRTIO_BALLOON_S_PRESSURE_FULL	32777 /* microseconds that all of them did */
#define VIRTIO_BALLOON_S_PRIVATE_NR	10

/* One statistic in a statsq buffer: 10 bytes, no padding (5.5.6.3). */
struct virtio_balloon_stat {
	__virtio16 tag;
	__virtio64 val;
} __attribute__((packed));

/*
 * Page ops: our extension, see page-ops.md.  The bit is device-specific and
 * far from those that others use; it needs VIRTIO_F_VERSION_1.
 */
#define VIRTIO_BALLOON_F_PAGE_OPS	57

/* Of the configuration; little-endian as all of it. */
struct virtio_balloon_ops_config {
	__le32 ops_block_size;		/* bytes best given back together */
	__le32 ops_max;			/* operations a buffer may hold */
};
#define VIRTIO_BALLOON_OPS_CONFIG_OFFSET 24

enum {
	VIRTIO_BALLOON_OP_INFLATE = 1,	/* count pages at addr enter */
	VIRTIO_BALLOON_OP_DEFLATE = 2,	/* count pages at addr leave */
	VIRTIO_BALLOON_OP_SWAP = 3,	/* those at addr leave, those at new_addr enter */
};

struct virtio_balloon_op {
	__le16 type;
	__le16 reserved;		/* 0 */
	__le32 count;			/* 4 KiB pages, at least 1 */
	__le64 addr;			/* guest-physical, bytes */
	__le64 new_addr;		/* SWAP only, else 0 */
};

enum {
	VIRTIO_BALLOON_OPS_OK = 0,
	VIRTIO_BALLOON_OPS_MALFORMED = 1,
	VIRTIO_BALLOON_OPS_NOT_RAM = 2,
	VIRTIO_BALLOON_OPS_WRONG_STATE = 3,
	VIRTIO_BALLOON_OPS_INHIBITED = 4,
};

/* The device-writable end of a buffer on opsq. */
struct virtio_balloon_ops_status {
	__le32 status;
	__le32 index;			/* operations done */
};

#ifdef __cplusplus
#define BALLONET_ASSERT static_assert
#else
#define BALLONET_ASSERT _Static_assert
#endif
BALLONET_ASSERT(sizeof(struct virtio_balloon_config) == 16, "config layout");
BALLONET_ASSERT(sizeof(struct virtio_balloon_stat) == 10, "stat layout");
BALLONET_ASSERT(sizeof(struct virtio_balloon_ops_config) == 8, "ops config layout");
BALLONET_ASSERT(sizeof(struct virtio_balloon_op) == 24, "op layout");
BALLONET_ASSERT(sizeof(struct virtio_balloon_ops_status) == 8, "ops status layout");
#undef BALLONET_ASSERT

#endif /* BALLONET_SPEC_VIRTIO_BALLOON_H */
