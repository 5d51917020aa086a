/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bitmaps, bit by bit.
 */
#ifndef SHIM_LINUX_BITMAP_H
#define SHIM_LINUX_BITMAP_H

#include <linux/bitops.h>
#include <linux/types.h>

#define BITS_PER_LONG	64
#define BITS_TO_LONGS(n) (((n) + BITS_PER_LONG - 1) / BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

static inline bool test_bit(unsigned long i, const unsigned long *map)
{
	return map[i / BITS_PER_LONG] >> i % BITS_PER_LONG & 1;
}

static inline void __set_bit(unsigned long i, unsigned long *map)
{
	map[i / BITS_PER_LONG] |= 1UL << i % BITS_PER_LONG;
}

static inline void __clear_bit(unsigned long i, unsigned long *map)
{
	map[i / BITS_PER_LONG] &= ~(1UL << i % BITS_PER_LONG);
}

static inline bool __test_and_clear_bit(unsigned long i, unsigned long *map)
{
	bool was = test_bit(i, map);

	__clear_bit(i, map);
	return was;
}

static inline unsigned long sim_next(const unsigned long *map, unsigned long n, unsigned long i,
				     bool set)
{
	while (i < n) {
		unsigned long word = set ? map[i / BITS_PER_LONG] : ~map[i / BITS_PER_LONG];

		word >>= i % BITS_PER_LONG;
		if (word) {
			i += __ffs(word);
			break;
		}
		i = (i / BITS_PER_LONG + 1) * BITS_PER_LONG;
	}
	return i < n ? i : n;
}

#define find_next_bit(map, n, i)	sim_next(map, n, i, true)
#define find_next_zero_bit(map, n, i)	sim_next(map, n, i, false)
#define for_each_set_bit(i, map, n) \
	for ((i) = find_next_bit(map, n, 0); (i) < (n); (i) = find_next_bit(map, n, (i) + 1))
#define for_each_clear_bit(i, map, n) \
	for ((i) = find_next_zero_bit(map, n, 0); (i) < (n); \
	     (i) = find_next_zero_bit(map, n, (i) + 1))

static inline void bitmap_set(unsigned long *map, unsigned int i, unsigned int n)
{
	while (n--)
		__set_bit(i++, map);
}

#define bitmap_zero(map, n) memset(map, 0, BITS_TO_LONGS(n) * sizeof(long))

static inline void bitmap_or(unsigned long *to, const unsigned long *a, const unsigned long *b,
			     unsigned int n)
{
	for (unsigned int i = 0; i < BITS_TO_LONGS(n); i++)
		to[i] = a[i] | b[i];
}

static inline bool bitmap_andnot(unsigned long *to, const unsigned long *a,
				 const unsigned long *b, unsigned int n)
{
	unsigned long any = 0;

	for (unsigned int i = 0; i < BITS_TO_LONGS(n); i++)
		any |= to[i] = a[i] & ~b[i];
	return any;
}

static inline bool bitmap_intersects(const unsigned long *a, const unsigned long *b,
				     unsigned int n)
{
	for (unsigned int i = 0; i < BITS_TO_LONGS(n); i++)
		if (a[i] & b[i])
			return true;
	return false;
}

static inline unsigned int bitmap_weight(const unsigned long *map, unsigned int n)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < BITS_TO_LONGS(n); i++)
		sum += __builtin_popcountl(map[i]);
	return sum;
}

#endif
