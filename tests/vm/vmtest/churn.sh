#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# Runs in the guest, as /lab/churn: workers that keep its memory moving and check
# every byte they own. Each goes round until /run/churn/stop is there.
#
#	churn start HOG_MIB TOUCH_MIB DISK	needs the keepers small, thp, shared
#
# In /run/churn: `bad` has a line per wrong byte or failed step, `n.WORKER` the rounds
# done, `on.WORKER` is there while it runs; while `calm` is there nobody asks for compaction.

W=/run/churn
F=/tmp/churn

bad() {
	echo "$*" >>$W/bad
}

# sum FILE: its md5
sum() {
	md5sum <"$1" | cut -d ' ' -f 1
}

calm() {
	while [ -e $W/calm ] && [ ! -e $W/stop ]; do
		usleep 50000
	done
}

# Patterns kept: two for good, one written anew after each check.
verify() {
	for keeper in small shared thp; do
		out=$(memtool ask "$keeper" verify 2>&1) || bad "$keeper: $out"
	done
	memtool ask thp fill "$1" >/dev/null || bad "thp: not filled"
}

hog() {
	out=$(memtool hog "$HOG" 4 "$1" 2>&1) || bad "hog: $out"
}

touch_thp() {
	calm
	out=$(memtool touch "$TOUCH" "$1" 2>&1) || bad "touch: $out"
}

compact() {
	calm
	echo 1 >/proc/sys/vm/compact_memory
}

# Each file lives for four rounds.
files() {
	file=$F/$(($1 % 4))
	if [ -e $file ]; then
		[ "$(sum $file)" = "$MASTER" ] || bad "file $file: another checksum"
		rm $file
	fi
	cp $F/master $file || bad "file $file: not written"
}

disk() {
	[ "$(sum "$DISK")" = "$IMAGE" ] || bad "disk: another checksum"
	[ $(($1 % 3)) != 0 ] || echo 1 >/proc/sys/vm/drop_caches
}

worker() {
	n=0
	while [ ! -e $W/stop ]; do
		n=$((n + 1))
		"$1" $n
		echo $n >$W/n."$1"
	done
	rm $W/on."$1"
}

start() {
	HOG=$1 TOUCH=$2 DISK=$3
	mkdir -p $W $F
	dd if=/dev/urandom of=$F/master bs=1M count=6 2>/dev/null
	MASTER=$(sum $F/master)
	IMAGE=$(sum "$DISK")
	for name in verify hog touch_thp compact files disk; do
		: >$W/on.$name
		(worker $name) </dev/null >/dev/null 2>&1 &
	done
}

"$@"
