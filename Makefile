# Sekisho (関所). `make` alone prints this help; scripts/ do the work, and all skip what is up to date.
#
# Needs root: the workshop is a Debian root (mmdebstrap, chroot), the lab makes network namespaces and TAP devices.

SHELL := /bin/sh
WORKSHOP := scripts/workshop run --

.DEFAULT_GOAL := help
.NOTPARALLEL:

help:
	@echo 'Sekisho: firmware for a locked VPN box (README.md says more)'
	@echo
	@echo '  make run              set up, build, boot the box with its surroundings, show the main job'
	@echo '  make test             set up, build, run every test; ends with "N passed, N failed"'
	@echo '  make image            build/sekisho.img, to be written to a UEFI mini-PC with dd'
	@echo '  make bench            measure, each figure beside its peer (ONLY=name: one of them)'
	@echo '                        CHECK=1: only whether every row still measures something'
	@echo
	@echo '  make programs         our own C only (build/bin)'
	@echo '  make unit golden lint fuzz lab   one level of the tests'
	@echo '                        unit ONLY=conf_test, lab ONLY=main-job, fuzz TIME=60: one part of it'
	@echo '  make leak             the leak counter, long form: 1,000 sessions, programs killed, 15 minutes'
	@echo '                        (TIME=seconds, CYCLES=sessions; a short form is a scenario of the lab)'
	@echo '  make lab-hubs         hubs of other makers, all their cases (ONLY=word: those with that word in their names)'
	@echo '  make topology         draw the lab: namespaces, addresses, servers'
	@echo '  make shell            a shell in the workshop (Debian 13, all tools)'
	@echo
	@echo '  make clean            remove the build; distclean: the cache of workshop and kernels too'
	@echo
	@echo 'Everything runs as root: mmdebstrap and chroot for the workshop, network namespaces for the lab.'

root:
	@[ "$$(id -u)" = 0 ] || { echo 'Please run this as root (sudo make …): the workshop is a chroot,' \
	    'and the lab makes network namespaces.'; exit 1; }

workshop: root
	@scripts/workshop ensure

programs: workshop
	@$(WORKSHOP) make --no-print-directory -f src/build.mk bin

kernel: workshop
	@scripts/kernel >/dev/null

image: programs
	@scripts/image

run: image
	@scripts/run

test: root
	@scripts/test

unit: workshop
	@scripts/unit $(ONLY)

golden: programs
	@scripts/golden $(ONLY)

fuzz: workshop
	@scripts/fuzz $(or $(TIME),20) $(ONLY)

lint: workshop
	@scripts/lint

lab: image
	@scripts/lab test $(ONLY)

lab-hubs: image
	@LAB_HUBS="$(or $(ONLY),all)" LAB_LIMIT=2400 scripts/lab test hub-libreswan hub-strongswan-next

leak: image
	@LEAK_SECONDS=$(TIME) LEAK_CYCLES=$(CYCLES) scripts/lab leak

bench: image
	@scripts/image lab
	@scripts/bench $(if $(CHECK),--check) $(ONLY)

topology: workshop
	@scripts/lab topology

shell: workshop
	@$(WORKSHOP) bash

clean:
	rm -rf --one-file-system build

distclean: clean
	@scripts/workshop clean

.PHONY: help root workshop programs kernel image run test unit golden fuzz lint lab lab-hubs leak bench topology shell clean distclean
