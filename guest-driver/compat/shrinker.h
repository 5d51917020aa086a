/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Being asked for memory under pressure, on kernels where a shrinker is part
 * of its owner and on those where the kernel allocates it.
 */
#ifndef BALLONET_COMPAT_SHRINKER_H
#define BALLONET_COMPAT_SHRINKER_H

#include <linux/kernel.h>
#include <linux/shrinker.h>

typedef unsigned long compat_shrink_fn(struct shrinker *shrinker,
				       struct shrink_control *sc);

/**
 * struct compat_shrinker - a shrinker, to be embedded in its owner
 * @shrinker: the kernel's
 */
struct compat_shrinker {
#ifdef HAVE_SHRINKER_ALLOC
	struct shrinker *shrinker;
#else
	struct shrinker shrinker;
#endif
};

/* What a callback was registered with. */
static inline struct compat_shrinker *compat_shrinker_of(struct shrinker *shrinker)
{
#ifdef HAVE_SHRINKER_ALLOC
	return shrinker->private_data;
#else
	return container_of(shrinker, struct compat_shrinker, shrinker);
#endif
}

/**
 * compat_shrinker_register() - be asked from now on
 * @cs: not registered
 * @name: for who looks, where the kernel shows it
 * @count: objects that could be freed
 * @scan: frees some of them
 *
 * Context: may sleep.  Return: 0 or -ENOMEM.
 */
static inline int compat_shrinker_register(struct compat_shrinker *cs,
					   const char *name,
					   compat_shrink_fn *count,
					   compat_shrink_fn *scan)
{
#ifdef HAVE_SHRINKER_ALLOC
	cs->shrinker = shrinker_alloc(0, "%s", name);
	if (!cs->shrinker)
		return -ENOMEM;
	cs->shrinker->count_objects = count;
	cs->shrinker->scan_objects = scan;
	cs->shrinker->private_data = cs;
	shrinker_register(cs->shrinker);
	return 0;
#else
	cs->shrinker.count_objects = count;
	cs->shrinker.scan_objects = scan;
	cs->shrinker.seeks = DEFAULT_SEEKS;
#ifdef HAVE_SHRINKER_NAME
	return register_shrinker(&cs->shrinker, "%s", name);
#else
	return register_shrinker(&cs->shrinker);
#endif
#endif
}

/**
 * compat_shrinker_unregister() - be asked no more
 * @cs: registered
 *
 * Context: may sleep, until calls that run have ended.
 */
static inline void compat_shrinker_unregister(struct compat_shrinker *cs)
{
#ifdef HAVE_SHRINKER_ALLOC
	shrinker_free(cs->shrinker);
	cs->shrinker = NULL;
#else
	unregister_shrinker(&cs->shrinker);
#endif
}

#endif
