// How jemalloc keeps freed memory, in a program that uses it.
#if defined(MUXPRO_JEMALLOC)
// Clients that leave give their memory back within a second or so, also while the others do nothing. jemalloc
// would keep it for ten seconds, and without a thread of its own until the program allocates again.
extern "C" const char* malloc_conf;
const char* malloc_conf =
    "background_thread:true,max_background_threads:1,dirty_decay_ms:1000,muzzy_decay_ms:0";
#endif
