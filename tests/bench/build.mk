# The bench's own tools, beside those of tests/bench/dns. Inside the workshop:
#   make -f tests/bench/build.mk      build/bench/*
# What is measured itself is built by `make image`.
include tests/bench/dns/build.mk
.DEFAULT_GOAL := bench-all
.PHONY: bench-all
bench-all: build/bench/dnsload build/bench/dnsstub build/bench/firstbyte build/bench/firstpacket build/bench/tlsfirst \
           build/bench/xtqueue build/bench/modechange build/bench/counter.so
build/bench/firstbyte build/bench/firstpacket build/bench/tlsfirst: build/bench/%: tests/bench/%.c tests/bench/build.mk
	@mkdir -p $(@D)
	@echo "  CC    bench $<"
	@$(CC) $(CFLAGS_release) -MF $@.d $(LDFLAGS_release) -o $@ $<
build/bench/firstbyte build/bench/firstpacket: tests/bench/question.h
build/bench/xtqueue: tests/bench/xtqueue.c tests/bench/build.mk
	@mkdir -p $(@D)
	@echo "  CC    bench $<"
	@$(CC) $(CFLAGS_release) -MF $@.d $(LDFLAGS_release) -o $@ $< -lnftnl -lmnl
# A plugin of QEMU's: its functions are QEMU's own.
build/bench/counter.so: tests/bench/counter.c tests/bench/build.mk
	@mkdir -p $(@D)
	@echo "  CC    bench $<"
	@$(CC) $(filter-out -fPIE,$(CFLAGS_release)) -fPIC -MF $@.d -shared -Wl,-z,relro,-z,now -o $@ $<
# With gate's own code for the packet filter: its objects but main.o.
GATE_OBJ := $(patsubst src/%.c,build/obj/release/%.o,$(filter-out src/gate/main.c,$(sort $(wildcard src/gate/*.c))))
build/bench/modechange: tests/bench/modechange.c $(GATE_OBJ) build/obj/release/lib.a tests/bench/build.mk
	@mkdir -p $(@D)
	@echo "  CC    bench $<"
	@$(CC) $(CFLAGS_release) -MF $@.d $(LDFLAGS_release) -o $@ $< $(GATE_OBJ) build/obj/release/lib.a -lnftnl -lmnl -luev -lseccomp
