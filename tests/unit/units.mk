# SPDX-License-Identifier: GPL-2.0-or-later
# Units of the guest driver. Its sources are compiled as they are, against
# kernel headers of our own (shim/), once for all tests of movable pages.

.DEFAULT_GOAL := all

DRV := $(TOP)/guest-driver
GUEST_INC := -Ishim -I. -I$(DRV) -I$(TOP)/spec -DHAVE_VIRTIO_RESET_DEVICE -DHAVE_SHRINKER_NAME \
	-DHAVE_PAGE_POISONING_STATIC -DHAVE_ATOMIC_PG_ISOLATED -DCONFIG_CONTIG_ALLOC
# Kernel code leaves parameters unused and compares signs.
GUEST_WARN := -Wno-unused-parameter -Wno-sign-compare
# All of the driver but what speaks to a real device, and one mobility backend.
DRV_LEFT_OUT := main.c stats.c reporting.c hinting.c hinting_held.c debugfs.c trace.c \
	hostcomm_pfn.c hostcomm_ext.c mobility_%.c consolidate.c consolidate_life.c \
	consolidate_census.c %_core.c %_core_move.c
DRV_OBJS := $(patsubst %.c,%.o,$(filter-out $(DRV_LEFT_OUT),$(notdir $(wildcard $(DRV)/*.c)))) \
	mobility_mops.o
GUEST_OBJS := $(addprefix $(OUT)/guest/,fiber.o sim.o sim_util.o lock.o work.o vm_model.o vm_page.o \
	vm_compact.o vm_contig.o fake_host.o fake_wire.o rig.o rig_stubs.o rig_check.o rig_exchange.o \
	two_pages.o two_events.o explore.o $(DRV_OBJS))

MOVABLE := vm_model pages blocks relocate relocate_wait relocate_reset refused passed_over hostcomm \
	lifecycle removal sleep schedule orders delays exchange
# What speaks to a queue or to the transport itself, each alone with the queues of fake_queue.c.
QUEUED := negotiate stats hinting hinting_held reporting hostcomm_pfn
UNITS += resize_policy relocate_step consolidate_pick $(MOVABLE) $(QUEUED)

SRC_resize_policy := $(DRV)/resize_policy.c
CFLAGS_resize_policy := -Ishim -I$(DRV) $(GUEST_WARN)
SRC_relocate_step := $(DRV)/relocate_step.c
CFLAGS_relocate_step := $(CFLAGS_resize_policy)
SRC_consolidate_pick := $(DRV)/consolidate_pick.c
CFLAGS_consolidate_pick := $(CFLAGS_resize_policy)
$(foreach u,$(MOVABLE),$(eval SRC_$(u) := $(OUT)/libguest.a)\
	$(eval CFLAGS_$(u) := $(GUEST_INC) $(GUEST_WARN) -include $(DRV)/compat/compat.h))

SRC_negotiate := $(DRV)/main.c
SRC_stats := $(DRV)/stats.c
SRC_hinting := $(DRV)/hinting.c $(DRV)/hinting_held.c hinting_rig.c
SRC_hinting_held := $(SRC_hinting)
SRC_reporting := $(DRV)/reporting.c
SRC_hostcomm_pfn := $(DRV)/hostcomm_pfn.c
$(foreach u,$(QUEUED),$(eval SRC_$(u) += fake_queue.c $(OUT)/libguest.a)\
	$(eval CFLAGS_$(u) := $(GUEST_INC) $(GUEST_WARN) -DCONFIG_HUGETLB_PAGE \
		-include $(DRV)/compat/compat.h))

vpath %.c shim . $(DRV)
GUEST_HEADERS := $(wildcard *.h shim/*.h shim/*/*.h $(DRV)/*.h $(DRV)/compat/*.h $(TOP)/spec/*.h)

$(OUT)/guest/%.o: %.c $(GUEST_HEADERS) units.mk Makefile | need
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) $(SAN) $(GUEST_INC) $(GUEST_WARN) \
	  -include $(DRV)/compat/compat.h -c -o $@ $<

$(OUT)/libguest.a: $(GUEST_OBJS)
	rm -f $@
	$(AR) rcs $@ $^
