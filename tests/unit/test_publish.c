// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What one processor hands over to another is all there when the other sees that it
 * is: on a model of weak memory, with the orders that the driver's lines have. Without
 * one of them the model finds the fault, so it would find one in the driver.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "publish_model.h"

static void test_a_refused_batch(void **state)
{
	(void)state;
	assert_true(publish_batch_holds(AS_THE_DRIVER, AS_THE_DRIVER));
}

static void test_a_batch_needs_both_orders(void **state)
{
	(void)state;
	assert_false(publish_batch_holds(RELAXED, AS_THE_DRIVER));
	assert_false(publish_batch_holds(AS_THE_DRIVER, RELAXED));
}

static void test_an_answered_request(void **state)
{
	(void)state;
	assert_true(publish_request_holds(AS_THE_DRIVER, AS_THE_DRIVER));
}

static void test_a_request_needs_both_orders(void **state)
{
	(void)state;
	assert_false(publish_request_holds(RELAXED, AS_THE_DRIVER));
	assert_false(publish_request_holds(AS_THE_DRIVER, RELAXED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_refused_batch),
		cmocka_unit_test(test_a_batch_needs_both_orders),
		cmocka_unit_test(test_an_answered_request),
		cmocka_unit_test(test_a_request_needs_both_orders),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
