# SPDX-License-Identifier: GPL-2.0-or-later
# Units of the guest driver. Its sources are compiled as they are, against
# kernel headers of our own (shim/), once for all tests of movable pages.

.DEFAULT_GOAL := all

DRV := $(TOP)/guest-driver
GUEST_INC := -Ishim -I. -I$(DRV) -I$(TOP)/spec -DHAVE_VIRTIO_RESET_DEVICE -DHAVE_SHRINKER_NAME \
	-DHAVE_PAGE_POISONING_STATIC -DHAVE_REPORTING_ORDER -DCONFIG_CONTIG_ALLOC -DCONFIG_PM_SLEEP \
	-DBALLONET_VERSION=\"unit\"
# Kernel code leaves parameters unused and compares signs.
GUEST_WARN := -Wno-unused-parameter -Wno-sign-compare
# All of the driver but what speaks to a real device, and what depends on the kernel.
DRV_LEFT_OUT := floor.c nodes.c node_pick.c stats.c reporting.c hinting.c hinting_held.c debugfs.c trace.c \
	hostcomm_pfn.c hostcomm_ops.c mobility_%.c gather.c gather_scan.c
DRV_FILES := $(filter-out $(DRV_LEFT_OUT),$(notdir $(wildcard $(DRV)/*.c)))
GUEST_FILES := fiber.c sim.c sim_util.c lock.c work.c vm_model.c vm_page.c vm_compact.c vm_contig.c \
	fake_host.c fake_wire.c rig.c rig_stubs.c rig_virtio.c rig_pages.c rig_check.c rig_exchange.c rig_gather.c \
	two_pages.c two_events.c explore.c $(DRV_FILES)
# Twice: pages that lead to the driver itself (6.1), and those that the kernel's core keeps (7.2).
GUEST_OBJS := $(patsubst %.c,$(OUT)/guest/%.o,$(GUEST_FILES) vm_mops.c mobility_mapping.c)
CORE_OBJS := $(patsubst %.c,$(OUT)/core/%.o,$(GUEST_FILES) vm_core.c mobility_core.c)
CORE_INC := $(GUEST_INC) -DHAVE_MOBILITY_CORE

MOVABLE := vm_model pages blocks migrate migrate_wait migrate_reset refused refused_pages hostcomm \
	lifecycle removal sleep schedule orders delays exchange evacuate units \
	page_locks recover negotiate book
# What speaks to a queue or to the transport itself, each alone with the queues of fake_queue.c.
QUEUED := stats hinting hinting_held reporting hostcomm_pfn hostcomm_ops
# Of those, what also holds where the core keeps the pages.
BOTH := migrate_wait refused refused_pages sleep recover removal lifecycle schedule \
	exchange evacuate book
# What counts in bytes or 4 KiB units, in a guest with pages of 64 KiB, too.
LARGE := hostcomm_pfn hostcomm_ops reporting stats hinting units
UNITS += resize_policy node_pick publish migrate_batch gather_pick gather $(MOVABLE) $(QUEUED) core core_gather $(BOTH:%=core_%) \
	$(LARGE:%=large_%)

SRC_resize_policy := $(DRV)/resize_policy.c
CFLAGS_resize_policy := -Ishim -I$(DRV) $(GUEST_WARN)
SRC_node_pick := $(DRV)/node_pick.c
CFLAGS_node_pick := $(CFLAGS_resize_policy)
# On a model of weak memory. A line of the driver that is not as here has no order there.
publish_order = $(if $(shell grep -xF '$(2)' $(DRV)/$(1)),$(3),mo_relaxed)
PUBLISH_ORDERS = -DBATCH_STORE=$(call publish_order,migrate.c,	smp_store_release(&b->state$(comma) next);,mo_release) \
	-DBATCH_LOAD=$(call publish_order,migrate.c,		if (smp_load_acquire(&rl->batch[i].state) == BATCH_REFUSED),mo_acquire) \
	-DREQUEST_STORE=$(call publish_order,hostcomm.c,	smp_store_release(&rq->state$(comma) HOSTCOMM_IDLE);,mo_release) \
	-DREQUEST_LOAD=$(call publish_order,hostcomm.h,	return smp_load_acquire(&rq->state) == HOSTCOMM_IDLE;,mo_acquire)
comma := ,
SRC_publish := $(OUT)/publish_model.o
LIBS_publish := -lstdc++
# Relacy frees nothing of what a run that fails has left.
$(OUT)/test_publish: SAN :=
$(OUT)/publish_model.o: publish_model.cc publish_model.h $(DRV)/migrate.c $(DRV)/hostcomm.c $(DRV)/hostcomm.h units.mk | need
	@mkdir -p $(@D)
	$(CXX) -std=gnu++14 -Wall -Wextra -Werror $(CFLAGS) -fno-sized-deallocation $(PUBLISH_ORDERS) -c -o $@ $<

SRC_migrate_batch := $(DRV)/migrate_batch.c
CFLAGS_migrate_batch := $(CFLAGS_resize_policy)
SRC_gather_pick := $(DRV)/gather_pick.c
CFLAGS_gather_pick := $(CFLAGS_resize_policy)
$(foreach u,$(MOVABLE),$(eval SRC_$(u) := $(OUT)/libguest.a)\
	$(eval CFLAGS_$(u) := $(GUEST_INC) $(GUEST_WARN) -include $(DRV)/compat/compat.h))

# The job itself, in place of the stand-in of rig_gather.c.
SRC_gather := $(DRV)/gather.c $(DRV)/gather_scan.c $(OUT)/libguest.a
CFLAGS_gather := $(CFLAGS_pages)
TEST_core_gather := test_gather.c
SRC_core_gather := $(DRV)/gather.c $(DRV)/gather_scan.c $(OUT)/libcore.a

SRC_core := $(OUT)/libcore.a
CFLAGS_core := $(CORE_INC) $(GUEST_WARN) -include $(DRV)/compat/compat.h
CFLAGS_core_gather := $(CFLAGS_core)
$(foreach u,$(BOTH),$(eval TEST_core_$(u) := test_$(u).c)$(eval SRC_core_$(u) := $(SRC_core))\
	$(eval CFLAGS_core_$(u) := $(CFLAGS_core)))

SRC_stats := $(DRV)/stats.c
SRC_hinting := $(DRV)/hinting.c $(DRV)/hinting_held.c hinting_rig.c
SRC_hinting_held := $(SRC_hinting)
SRC_reporting := $(DRV)/reporting.c
SRC_hostcomm_pfn := $(DRV)/hostcomm_pfn.c
SRC_hostcomm_ops := $(DRV)/hostcomm_ops.c
$(foreach u,$(QUEUED),$(eval SRC_$(u) += fake_queue.c $(OUT)/libguest.a)\
	$(eval CFLAGS_$(u) := $(GUEST_INC) $(GUEST_WARN) -DCONFIG_HUGETLB_PAGE \
		-include $(DRV)/compat/compat.h))

# As their namesakes, of a library and sources compiled for larger pages.
LARGE_OBJS := $(patsubst $(OUT)/guest/%,$(OUT)/large/%,$(GUEST_OBJS))
$(foreach u,$(LARGE),$(eval TEST_large_$(u) := test_$(u).c)\
	$(eval SRC_large_$(u) := $(subst libguest,liblarge,$(SRC_$(u))))\
	$(eval CFLAGS_large_$(u) := $(CFLAGS_$(u)) -DPAGE_SHIFT=16))

vpath %.c shim . $(DRV)
GUEST_HEADERS := $(wildcard *.h shim/*.h shim/*/*.h $(DRV)/*.h $(DRV)/compat/*.h $(TOP)/spec/*.h)

$(OUT)/guest/%.o: %.c $(GUEST_HEADERS) units.mk Makefile | need
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) $(SAN) $(GUEST_INC) $(GUEST_WARN) \
	  -include $(DRV)/compat/compat.h -c -o $@ $<

$(OUT)/large/%.o: %.c $(GUEST_HEADERS) units.mk Makefile | need
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) $(SAN) $(GUEST_INC) $(GUEST_WARN) -DPAGE_SHIFT=16 \
	  -include $(DRV)/compat/compat.h -c -o $@ $<

$(OUT)/core/%.o: %.c $(GUEST_HEADERS) units.mk Makefile | need
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) $(SAN) $(CORE_INC) $(GUEST_WARN) \
	  -include $(DRV)/compat/compat.h -c -o $@ $<

$(OUT)/libguest.a: $(GUEST_OBJS)
	rm -f $@
	$(AR) rcs $@ $^

$(OUT)/liblarge.a: $(LARGE_OBJS)
	rm -f $@
	$(AR) rcs $@ $^

$(OUT)/libcore.a: $(CORE_OBJS)
	rm -f $@
	$(AR) rcs $@ $^
