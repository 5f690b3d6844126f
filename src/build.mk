# Builds our own C. Run inside the workshop, from the top of the checkout:
#
#   make -f src/build.mk            the programs, hardened, with symbols: build/bin/PROGRAM
#   make -f src/build.mk asan       the same under AddressSanitizer and UBSan: build/asan/PROGRAM
#   make -f src/build.mk unit       unit tests, normal and under ASan/UBSan: build/unit/TEST, build/asan/unit/TEST
#   make -f src/build.mk host       the command line without shared libraries, for `check` on any machine: build/host/sekisho
#   make -f src/build.mk fuzz       fuzz targets (clang, libFuzzer): build/fuzz/fuzz_NAME
#
# A program is a folder src/PROGRAM with main.c and any other *.c; it links src/lib as an archive. A new folder is found
# automatically; only its libraries are listed below.

# ---- what each program links besides libc ----
LIBS_gate    = -lnftnl -lmnl -luev
LIBS_dns   = -lcares -luev
LIBS_sni   = -lmnl
LIBS_enroll  = -lssl -lcrypto -lcares -luev
LIBS_status  = -luev
LIBS_clock   = -lcares
LIBS_audit   =
LIBS_cli     =
LIBS_lib     = -lseccomp

# ---- which program's objects (all but main.o) a test links ----
# A unit test is tests/unit/PROGRAM_WHAT_test.c, a fuzz target tests/fuzz/fuzz_NAME.c. The program is the first word of the
# test's name; exceptions are listed here. `lib` is always linked.
PROGRAM_vici_test = lib
PROGRAM_fuzz_cause = lib
PROGRAM_fuzz_conf = lib
PROGRAM_fuzz_ipc  = lib
PROGRAM_fuzz_vici = gate
PROGRAM_fuzz_est  = enroll
PROGRAM_fuzz_dhcp = wan
# Further libraries of tests that need more than their program.
LIBS_sni_answer_test      = -lssl -lcrypto
LIBS_sni_clienthello_test = -lssl -lcrypto
LIBS_sni_flows_test       = -lssl -lcrypto
program_of = $(or $(PROGRAM_$(1)),$(firstword $(subst _, ,$(1:fuzz_%=%))))

# ---- flags ----
CC    ?= gcc
ifeq ($(CC),cc)
CC     = gcc
endif
CLANG ?= clang
ARCH  := $(shell $(CC) -dumpmachine 2>/dev/null)

WARN = -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wundef -Wvla -Wpointer-arith -Wwrite-strings -Wstrict-prototypes \
       -Wmissing-prototypes -Wimplicit-fallthrough
# The parsers of src/lib are also checked for silent narrowing.
WARN_lib = -Wconversion -Wno-sign-conversion
# version.c gets the version from the file firmware/version, its only source.
DEFINE_version = -DSEKISHO_VERSION='"$(shell cat firmware/version)"'
BASE = -std=c11 -D_GNU_SOURCE -g -iquote src -iquote src/lib $(WARN) -MMD -MP -ffile-prefix-map=$(CURDIR)=.
HARD = -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-clash-protection \
       -ftrivial-auto-var-init=zero $(if $(findstring x86_64,$(ARCH)),-fcf-protection=full)

CC_release      = $(CC)
CFLAGS_release  = $(BASE) -O2 -fPIE $(HARD)
LDFLAGS_release = -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed

SAN             = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CC_asan         = $(CC)
# (gcc's flow warnings are not reliable under sanitizers; the release build has them)
CFLAGS_asan     = $(BASE) -O1 $(SAN) -Wno-format-truncation -Wno-maybe-uninitialized
LDFLAGS_asan    = $(SAN) -Wl,--as-needed

CC_fuzz         = $(CLANG)
CFLAGS_fuzz     = $(BASE) -O1 $(SAN) -fsanitize=fuzzer-no-link -DSEKISHO_FUZZ
LDFLAGS_fuzz    = $(SAN) -fsanitize=fuzzer -Wl,--as-needed

# ---- programs, tests and fuzz targets ----
PROGRAMS := $(filter-out lib,$(sort $(notdir $(patsubst %/,%,$(dir $(wildcard src/*/main.c))))))
TESTS    := $(sort $(notdir $(patsubst %.c,%,$(wildcard tests/unit/*_test.c))))
FUZZERS  := $(sort $(notdir $(patsubst %.c,%,$(wildcard tests/fuzz/fuzz_*.c))))
# Simulated hardware of a virtual board: one file, one program.
BOARD_SRC := $(wildcard board/*/leds-sim.c)
BOARD_BIN := $(sort $(notdir $(BOARD_SRC:.c=)))

# Programs whose name differs from their folder's: the command line has the name that people type.
NAME_cli = sekisho
name     = $(or $(NAME_$(1)),$(1))
outputs  = $(foreach p,$(PROGRAMS),build/$(1)/$(call name,$(p)))

.PHONY: host bin asan unit unit-asan fuzz list-unit list-fuzz
bin:  $(call outputs,bin) $(BOARD_BIN:%=build/bin/%)
host: build/host/sekisho
asan: $(call outputs,asan)
unit: $(TESTS:%=build/unit/%) unit-asan
unit-asan: $(TESTS:%=build/asan/unit/%)
fuzz: $(FUZZERS:%=build/fuzz/%)
list-unit: ; @printf '%s\n' $(TESTS)
list-fuzz: ; @printf '%s\n' $(FUZZERS)

# objects VARIANT FOLDER: the objects of one folder of src; others VARIANT FOLDER: the same without main.o
objects = $(patsubst src/%.c,build/obj/$(1)/%.o,$(sort $(wildcard src/$(2)/*.c)))
others  = $(if $(filter-out lib,$(2)),$(filter-out %/main.o,$(call objects,$(1),$(2))))

# variant VARIANT: how to compile and to archive; program VARIANT OUTPUT-FOLDER PROGRAM; and so on
define variant
build/obj/$(1)/%.o: src/%.c src/build.mk
	@mkdir -p $$(@D)
	@echo "  CC    $(1) $$<"
	@$$(CC_$(1)) $$(CFLAGS_$(1)) $$(WARN_$$(notdir $$(patsubst %/,%,$$(dir $$*)))) \
		$$(DEFINE_$$(notdir $$*)) $$(CFLAGS_EXTRA) -c -o $$@ $$<
build/obj/$(1)/tests/%.o: tests/%.c src/build.mk
	@mkdir -p $$(@D)
	@echo "  CC    $(1) $$<"
	@$$(CC_$(1)) $$(CFLAGS_$(1)) -iquote tests -iquote src/$$(call program_of,$$(notdir $$*)) $$(CFLAGS_EXTRA) -c -o $$@ $$<
build/obj/$(1)/board/%.o: board/%.c src/build.mk
	@mkdir -p $$(@D)
	@echo "  CC    $(1) $$<"
	@$$(CC_$(1)) $$(CFLAGS_$(1)) $$(CFLAGS_EXTRA) -c -o $$@ $$<
build/obj/$(1)/lib.a: $(call objects,$(1),lib)
	@rm -f $$@ && $$(AR) rcsD $$@ $$^
endef

link = @mkdir -p $(@D) && echo "  LINK  $(1) $@" && $(CC_$(1)) $(LDFLAGS_$(1)) -o $@ $(filter %.o,$^) $(filter %.a,$^)

define program
build/$(2)/$(call name,$(3)): $(call objects,$(1),$(3)) build/obj/$(1)/lib.a
	$$(call link,$(1)) $$(LIBS_$(3)) $$(LIBS_lib)
endef

define board_program
build/bin/$(notdir $(1:.c=)): build/obj/release/$(1:.c=.o) build/obj/release/lib.a
	$$(call link,release) $$(LIBS_lib)
endef

define unit_test
build/$(2)/$(3): build/obj/$(1)/tests/unit/$(3).o $(call others,$(1),$(call program_of,$(3))) build/obj/$(1)/lib.a
	$$(call link,$(1)) $$(LIBS_$(call program_of,$(3))) $$(LIBS_$(3)) $$(LIBS_lib) -lcmocka
endef

define fuzz_target
build/fuzz/$(1): build/obj/fuzz/tests/fuzz/$(1).o $(call others,fuzz,$(call program_of,$(1))) build/obj/fuzz/lib.a
	$$(call link,fuzz) $$(LIBS_$(call program_of,$(1))) $$(LIBS_lib)
endef

$(foreach v,release asan fuzz,$(eval $(call variant,$(v))))
$(foreach p,$(PROGRAMS),$(eval $(call program,release,bin,$(p))))
$(foreach p,$(PROGRAMS),$(eval $(call program,asan,asan,$(p))))
$(foreach s,$(BOARD_SRC),$(eval $(call board_program,$(s))))
$(foreach t,$(TESTS),$(eval $(call unit_test,release,unit,$(t))))
$(foreach t,$(TESTS),$(eval $(call unit_test,asan,asan/unit,$(t))))
$(foreach f,$(FUZZERS),$(eval $(call fuzz_target,$(f))))

$(foreach v,release asan fuzz,$(patsubst src/%.c,build/obj/$(v)/%.o,$(wildcard src/*/version.c))): firmware/version

# A test that starts the program itself.
build/unit/sni_process_test build/asan/unit/sni_process_test: build/bin/sni

build/host/sekisho: $(call objects,release,cli) build/obj/release/lib.a
	@mkdir -p $(@D) && echo "  LINK  static $@" && $(CC) -static-pie -Wl,-z,relro,-z,now -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_lib)

-include $(shell find build/obj -name '*.d' 2>/dev/null)
