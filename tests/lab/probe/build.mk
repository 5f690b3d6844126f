# The leak counter's own program. Inside the workshop:
#   make -f tests/lab/probe/build.mk      build/lab/bin/probe
include src/build.mk
.DEFAULT_GOAL := leak
.PHONY: leak
leak: build/lab/bin/probe
build/lab/bin/probe: $(wildcard tests/lab/probe/*.c) tests/lab/probe/probe.h tests/lab/probe/build.mk
	@mkdir -p $(@D)
	@echo "  CC    lab probe"
	@$(CC) $(filter-out -MMD -MP,$(CFLAGS_release)) $(LDFLAGS_release) -o $@ $(filter %.c,$^)
