#include <napi.h>

#include "address_watcher.h"
#include "failure.h"
#include "give_back.h"
#include "handle.h"
#include "interface_addresses.h"
#include "iterator.h"
#include "link.h"
#include "map.h"
#include "map_jobs.h"
#include "mapping.h"
#include "netns.h"
#include "network_interfaces.h"
#include "object.h"
#include "program.h"
#include "socket_diag.h"
#include "system.h"

namespace kproxy {

// The types are in addon/binding.d.ts.
static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Instance());
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("setErrorClass", SetErrorClass);

  add("closeHandle", CloseHandle);
  add("pinHandle", PinHandle);

  add("loadObject", LoadObjectFile);

  add("openMap", OpenMap);
  add("mapInfo", MapInfo);
  add("mapMemory", MapMemory);
  add("lookupElement", LookupElement);
  add("updateElement", UpdateElement);
  add("deleteElement", DeleteElement);
  add("updateBatch", UpdateBatch);
  add("deleteBatch", DeleteBatch);
  add("readEntries", ReadEntries);

  add("openMapping", OpenMapping);
  add("storeElements", StoreElements);
  add("loadElements", LoadElements);

  add("openProgram", OpenProgram);
  add("programInfo", ProgramInfo);
  add("testRun", TestRun);
  add("runIterator", RunIterator);

  add("attachCgroup", AttachCgroup);
  add("openLink", OpenLink);
  add("linkInfo", LinkInfo);
  add("updateLink", UpdateLink);
  add("detachLink", DetachLink);
  add("cgroupPrograms", CgroupPrograms);
  add("attachInterface", AttachInterface);
  add("interfacePrograms", InterfacePrograms);

  add("networkInterfaces", NetworkInterfaces);
  add("interfaceAddresses", InterfaceAddresses);
  add("watchAddresses", WatchAddresses);

  add("netnsCookie", NetnsCookie);
  add("netnsCookieAt", NetnsCookieAt);

  add("destroySockets", DestroySockets);

  add("membarrier", Membarrier);
  add("lockFile", LockFile);
  add("filesystemMagic", FilesystemMagic);
  add("possibleCpus", PossibleCpus);

  add("trimHeap", TrimHeap);
  add("releaseProgramPages", ReleaseProgramPages);
  return exports;
}

NODE_API_MODULE(kproxy, Initialize)

}  // namespace kproxy
