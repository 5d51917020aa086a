// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TEST=pattern in the environment: a test program runs those alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

__attribute__((constructor)) static void filter(void)
{
	cmocka_set_test_filter(getenv("TEST"));
}
