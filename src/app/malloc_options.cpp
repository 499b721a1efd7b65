// Options of jemalloc for freed memory, in a program that uses it.
#if defined(MUXPRO_JEMALLOC)
// Memory of clients that have left goes back a second later, once the program allocates again. jemalloc's
// default is ten seconds. Its background thread would also work while nothing happens, but prints to standard
// error where no thread can be made.
extern "C" const char* malloc_conf;
const char* malloc_conf = "dirty_decay_ms:1000,muzzy_decay_ms:0";
#endif
