/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kernel code takes for granted: sizes, minima, warnings, READ_ONCE().
 */
#ifndef SHIM_LINUX_KERNEL_H
#define SHIM_LINUX_KERNEL_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/sizes.h>

#include "sim.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int32_t s32;
typedef long long s64;

#ifndef KBUILD_MODNAME
#define KBUILD_MODNAME "virtio_balloon"
#endif

#define U64_MAX		UINT64_MAX
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define min(a, b)	((a) < (b) ? (a) : (b))
#define max(a, b)	((a) > (b) ? (a) : (b))
#define min_t(t, a, b)	min((t)(a), (t)(b))
#define max_t(t, a, b)	max((t)(a), (t)(b))
#define clamp(v, lo, hi) max(min(v, hi), lo)
#define ALIGN(x, a)	(((x) + (a) - 1) / (a) * (a))
#define ALIGN_DOWN(x, a) ((x) / (a) * (a))
#define array_size(a, b) ((size_t)(a) * (b))

#define struct_size(p, member, n) (sizeof(*(p)) + (n) * sizeof((p)->member[0]))

#define cpu_to_le16(x)	(x)
#define cpu_to_le32(x)	(x)
#define cpu_to_le64(x)	(x)
#define le32_to_cpu(x)	(x)
#define le64_to_cpu(x)	(x)
#define le32_add_cpu(p, n) (*(p) += (n))

#define IS_ENABLED(option)	1

#define __maybe_unused	__attribute__((unused))
#define __percpu
#define likely(x)	(x)
#define unlikely(x)	(x)

/* Each is a place where another CPU may have its turn. */
#define READ_ONCE(x)	({ sim_point(); *(volatile __typeof__(x) *)&(x); })
#define WRITE_ONCE(x, v) ({ *(volatile __typeof__(x) *)&(x) = (v); sim_point(); })
#define smp_load_acquire(p) ({ sim_point(); *(p); })
#define smp_store_release(p, v) ({ *(p) = (v); sim_point(); })

/* A warning is a bug: no test lets one pass. */
#define WARN_ON(x)	({ bool bad__ = (x); sim_check(!bad__, "WARN_ON(%s)", #x); bad__; })
#define WARN_ON_ONCE(x)	WARN_ON(x)

#endif
