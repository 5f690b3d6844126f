# What sni itself costs a flow. Inside the workshop:
#   make -f tests/bench/sni/build.mk && build/bench/sni-cost
include src/build.mk
.DEFAULT_GOAL := build/bench/sni-cost
build/bench/sni-cost: tests/bench/sni/cost.c $(call others,release,sni) build/obj/release/lib.a tests/bench/sni/build.mk
	@mkdir -p $(@D)
	@echo "  CC    bench $<"
	@$(CC) $(CFLAGS_release) -iquote src/sni -MF $@.d $(LDFLAGS_release) -o $@ $< $(filter %.o,$^) $(filter %.a,$^) $(LIBS_sni) $(LIBS_lib) -lssl -lcrypto
