// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Settings of the overcommit daemon: what is taken, and how a fault is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>

#include "config.h"
#include "metadata.h"

static char *folder;

static int open_folder(void **state)
{
	(void)state;
	folder = g_dir_make_tmp("ballonet-config-XXXXXX", NULL);
	return folder ? 0 : -1;
}

static int close_folder(void **state)
{
	g_autofree char *beside = g_build_filename(folder, "conf.d", NULL);
	const char *const folders[] = { beside, folder };

	(void)state;
	for (int i = 0; i < 2; i++) {
		GDir *dir = g_dir_open(folders[i], 0, NULL);
		const char *name;

		while (dir && (name = g_dir_read_name(dir))) {
			g_autofree char *path = g_build_filename(folders[i], name, NULL);

			g_unlink(path);
		}
		if (dir)
			g_dir_close(dir);
		g_rmdir(folders[i]);
	}
	g_free(folder);
	return 0;
}

static void put(const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *parent = g_path_get_dirname(path);

	g_mkdir_with_parents(parent, 0700);
	assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* What is wrong, without the folder, a line each. */
static char *load(Config **config)
{
	g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *path = g_build_filename(folder, "conf", NULL);
	GString *all = g_string_new(NULL);

	*config = config_load(path, faults);
	for (unsigned int i = 0; i < faults->len; i++) {
		const char *text = faults->pdata[i];

		if (g_str_has_prefix(text, folder))
			text += strlen(folder) + 1;
		g_string_append_printf(all, "%s\n", text);
	}
	return g_string_free(all, FALSE);
}

static void test_every_setting(void **state)
{
	g_autoptr(Config) c = NULL;
	g_autofree char *faults = NULL;

	(void)state;
	put("conf", "# a comment\n\n[daemon]\nconnect = test:///default\nsocket=/a/b\n"
		    "metrics-file = /c\n[host]\ntight-percent = 20\ncritical-percent=10\n"
		    "cgroup = /d\n[guests]\nmanaged = no\nweight = 7\nmin = 64M\nmax = 4G\n"
		    "reserve = 128M\nswap = 1G\nmonitor = yes\n");
	faults = load(&c);
	assert_string_equal(faults, "");
	assert_string_equal(c->uri, "test:///default");
	assert_string_equal(c->socket, "/a/b");
	assert_string_equal(c->metrics, "/c");
	assert_string_equal(c->cgroup, "/d");
	assert_int_equal(c->policy.tight_percent, 20);
	assert_int_equal(c->policy.critical_percent, 10);
	assert_false(c->guests.limits.managed);
	assert_int_equal(c->guests.limits.weight, 7);
	assert_int_equal(c->guests.limits.min, 64 << 10);
	assert_int_equal(c->guests.limits.max, 4 << 20);
	assert_int_equal(c->guests.limits.reserve, 128 << 10);
	assert_int_equal(c->guests.limits.swap, 1 << 20);
	assert_true(c->guests.monitor);
}

static void test_a_fault_is_named_and_the_rest_counts(void **state)
{
	g_autoptr(Config) c = NULL;
	g_autofree char *faults = NULL;

	(void)state;
	put("conf", "weight = 5\n[guests]\nweight = 0\nweight = 1001\nweight = many\n"
		    "min = 5\nmin = 0M\nmin = -1M\nmax = 9999999999999T\nmanaged = maybe\n"
		    "nonsense\nwieght = 3\nweight = 8\n[daemon]\nsocket = here\n[dameon]\nx = 1\n");
	faults = load(&c);
	assert_string_equal(faults,
			    "conf:1: 'weight' stands in no section\n"
			    "conf:3: weight = 0: is not a number from 1 to 1000\n"
			    "conf:4: weight = 1001: is not a number from 1 to 1000\n"
			    "conf:5: weight = many: is not a number from 1 to 1000\n"
			    "conf:6: min = 5: is not a size like 512M or 4G\n"
			    "conf:7: min = 0M: is not a size like 512M or 4G\n"
			    "conf:8: min = -1M: is not a size like 512M or 4G\n"
			    "conf:9: max = 9999999999999T: is not a size like 512M or 4G\n"
			    "conf:10: managed = maybe: is neither yes nor no\n"
			    "conf:11: neither key = value nor [section]: nonsense\n"
			    "conf:12: there is no setting 'wieght' in [guests]\n"
			    "conf:15: socket = here: is not an absolute path\n"
			    "conf:16: there is no section [dameon]\n");
	assert_int_equal(c->guests.limits.weight, 8);
	assert_int_equal(c->guests.limits.min, 0);
	assert_true(c->guests.limits.managed);
	assert_string_equal(c->socket, CONFIG_SOCKET);
}

static void test_later_files_win(void **state)
{
	g_autoptr(Config) c = NULL;
	g_autofree char *faults = NULL;

	(void)state;
	put("conf", "[guests]\nweight = 1\nmin = 64M\n");
	put("conf.d/20.conf", "[guests]\nweight = 3\n");
	put("conf.d/10.conf", "[guests]\nweight = 2\nmin = x\n");
	put("conf.d/30.conf.off", "[guests]\nweight = 4\n");
	faults = load(&c);
	assert_string_equal(faults, "conf.d/10.conf:3: min = x: is not a size like 512M or 4G\n");
	assert_int_equal(c->guests.limits.weight, 3);
	assert_int_equal(c->guests.limits.min, 64 << 10);
}

static void test_what_two_settings_get_wrong_together(void **state)
{
	g_autoptr(Config) c = NULL;
	g_autofree char *faults = NULL;

	(void)state;
	put("conf", "[host]\ntight-percent = 4\n[guests]\nmin = 4G\nmax = 1G\nweight = 9\n");
	faults = load(&c);
	assert_string_equal(faults, "conf:2: the host would be critical before it is tight\n"
				    "conf:6: the minimum is above the maximum\n");
	assert_int_equal(c->policy.tight_percent, 15);
	assert_int_equal(c->guests.limits.min, 0);
	assert_int_equal(c->guests.limits.max, 0);
	assert_int_equal(c->guests.limits.weight, 9);
}

static void test_a_file_that_is_not_there(void **state)
{
	g_autoptr(Config) c = NULL;
	g_autofree char *faults = NULL;

	(void)state;
	faults = load(&c);
	assert_non_null(strstr(faults, "conf"));
	assert_string_equal(c->uri, CONFIG_URI);
}

static char *apply(const char *xml, GuestConfig *guest)
{
	g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
	GString *all = g_string_new(NULL);

	metadata_apply(xml, guest, faults);
	for (unsigned int i = 0; i < faults->len; i++)
		g_string_append_printf(all, "%s\n", (char *)faults->pdata[i]);
	return g_string_free(all, FALSE);
}

static void test_metadata(void **state)
{
	GuestConfig g = { .limits = { .managed = true, .weight = 100, .max = 5 } };
	g_autofree char *none = apply("<guest weight='3' min='1G' managed='no'/>", &g);
	g_autofree char *some = NULL, *other = NULL, *broken = NULL, *within = NULL;

	(void)state;
	assert_string_equal(none, "");
	assert_int_equal(g.limits.weight, 3);
	assert_int_equal(g.limits.min, 1 << 20);
	assert_int_equal(g.limits.max, 5);
	assert_false(g.limits.managed);
	some = apply("<ballonet:guest xmlns:ballonet='urn:ballonet:overcommit:1' weight='x' "
		     "color='red' max='2G'/>", &g);
	assert_string_equal(some, "weight = x: is not a number from 1 to 1000\n"
				  "there is no setting 'color'\n");
	assert_int_equal(g.limits.max, 2 << 20);
	other = apply("<host weight='4'/>", &g);
	assert_string_equal(other, "<host>: only <guest/> is known\n");
	within = apply("<guest><guest weight='4'/></guest>", &g);
	assert_string_equal(within, "<guest>: only <guest/> is known\n");
	broken = apply("<guest weight='4'", &g);
	assert_true(*broken);
	assert_int_equal(g.limits.weight, 3);
}

static void test_the_balloon_of_a_domain(void **state)
{
	static const struct {
		const char *xml;
		BalloonXml want;
	} cases[] = {
		{ "<memballoon model='virtio' autodeflate='on'><stats period='5'/></memballoon>",
		  { true, true, 5 } },
		{ "<memballoon model='virtio'/><disk><stats period='7'/></disk>",
		  { true, false, 0 } },
		{ "<memballoon model='none'/>", { false, false, 0 } },
		{ "<disk/>", { false, false, 0 } },
	};
	BalloonXml got;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *xml = g_strdup_printf("<domain><devices>%s</devices></domain>",
						       cases[i].xml);

		assert_true(metadata_balloon(xml, &got));
		assert_int_equal(got.present, cases[i].want.present);
		assert_int_equal(got.autodeflate, cases[i].want.autodeflate);
		assert_int_equal(got.period, cases[i].want.period);
	}
	assert_false(metadata_balloon("<domain>", &got));
}

static void test_sizes(void **state)
{
	static const char *const bad[] = { "", "4", "4g", "4GB", "4 G", "G", "+4G", "0x4G", "0K",
					   "4.5G" };
	uint64_t kib;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_false(config_size(bad[i], &kib));
	assert_true(config_size("3T", &kib));
	assert_int_equal(kib, 3ULL << 30);
	assert_true(config_size("16K", &kib));
	assert_int_equal(kib, 16);
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_folder(test_every_setting),
		with_folder(test_a_fault_is_named_and_the_rest_counts),
		with_folder(test_later_files_win),
		with_folder(test_what_two_settings_get_wrong_together),
		with_folder(test_a_file_that_is_not_there),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_the_balloon_of_a_domain),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests_name("overcommit_config", tests, NULL, NULL);
}
