# The native addon: one object file for each source, linked without node-gyp.
#
# libbpf is a shared library (libbpf1 at run time): Debian's libbpf.a and libelf.a are not
# position-independent code, and a shared object cannot hold them.

# Lazily expanded: pkg-config may come with the packages that `make setup` installs.
ADDON_CXX ?= g++
ADDON_SOURCES := $(sort $(wildcard addon/src/*.cc))
ADDON_OBJECTS := $(ADDON_SOURCES:addon/src/%.cc=$(BUILD)/addon/%.o)
ADDON_CXXFLAGS = -std=c++20 -O2 -g1 -fPIC -fvisibility=hidden -fno-exceptions -pthread \
	-Wall -Wextra -Werror \
	-DNAPI_VERSION=9 -DNODE_ADDON_API_DISABLE_DEPRECATED -DNAPI_DISABLE_CPP_EXCEPTIONS \
	-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS \
	-isystem node_modules/node-api-headers/include -isystem node_modules/node-addon-api \
	$(shell pkg-config --cflags libbpf)
# uv.h; libuv is part of node. After the headers of Node-API, of which that directory has others.
ADDON_CXXFLAGS += -isystem node_modules/node-linux-$(ARCH)/include/node
ADDON_LDFLAGS := -shared -pthread -Wl,-z,relro,-z,now
ADDON_LIBS = $(shell pkg-config --libs libbpf)

$(BUILD)/addon/%.o: addon/src/%.cc addon/build.mk | $(BUILD)/.packages $(MODULES)
	$(call msg,CXX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(ADDON_CXX) $(ADDON_CXXFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/addon/kproxy.node: $(ADDON_OBJECTS)
	$(call msg,LINK,$@)
	$(Q)$(ADDON_CXX) $(ADDON_LDFLAGS) -o $@ $^ $(ADDON_LIBS)

-include $(ADDON_OBJECTS:.o=.d)
