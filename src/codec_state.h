/*
** Codec, state: what a codec is inside. The encoder's state lives here for
** the length of a call; the decoder keeps its own on the C stack, so that a
** function which is called while a message is read may read another.
*/
#ifndef WP_CODEC_STATE_H
#define WP_CODEC_STATE_H

#include "codec.h"
#include "codec_path.h"
#include "codec_seen.h"

#include <lauxlib.h>
#include <lua.h>

/* Short strings written lately, by address: Lua has each of them once. */
typedef struct wp_recent {
  const char *text;
  const void *object; /* the same string, as lua_topointer gives it, once it
                      ** is kept by one byte; else what no key has */
  uint64_t period;    /* of the codec, when it was written */
  uint32_t kept;      /* its number + 1; 0: it came once */
  unsigned char tag;  /* WP_TAG_KEPT and its number; then there is `object` */
  char last;          /* what the value of this key was, last time */
  struct wp_recent *next; /* which key came after it, last time */
} wp_recent;

enum { WP_RECENT_BITS = 7, WP_RECENT = 1 << WP_RECENT_BITS };

/*
** Tables that may travel by name, as two bits each: a table without them
** needs no question to names.lua. Bits are never cleared; wrong ones cost
** time only, but a lot: with one bit for each, one of thirty tables was asked
** about in vain, and the keys written before were forgotten besides, which
** took 15 % of writing records and 23 % of reading them. One for each state.
*/
typedef struct wp_known {
  uint64_t bits[64];
} wp_known;

/* Where a call is a part of the cost that can be seen. */
#define WP_INLINE static inline __attribute__((always_inline))

enum { WP_IDLE, WP_BUSY, WP_CLOSED };

struct wp_codec {
  wp_bytes out;
  wp_bytes quotes, iov; /* see codec_quote.c */
  wp_bytes packed;      /* see wp_codec_note_packed */
  struct iovec whole;
  unsigned char *pen;  /* where the next byte goes */
  unsigned char *brim; /* up to where there is room: see codec_pen.h */
  wp_seen seen;
  wp_known *known;
  uint64_t objects; /* numbered in this message */
  uint64_t period;  /* of `recent`; a new one begins when Lua code has run */
  uint32_t kept;
  wp_recent *last_key; /* in `keys`, or `no_key` */
  size_t living;       /* bytes after the last collection for a huge string */
  int depth;
  int ceiling;         /* the highest place for a table that has the stack it
                       ** needs above it */
  lua_Integer anchored; /* values in WP_OWN_PACKED */
  const char *label;  /* of the message */
  unsigned char head;
  char looked;      /* for modules loaded lately, in this message */
  char is_quoting;  /* in this message */
  char trusted;     /* functions by value are accepted */
  char ready;       /* names.lua has been loaded */
  char is_young;    /* see wp_codec_collect_young */
  char has_turned, is_refused; /* likewise: it has done so; a task objects */
  char state;       /* WP_IDLE … */
  const struct wp_codec *self; /* to know a codec by; see wp_codec_at */
  wp_recent keys[WP_RECENT], texts[WP_RECENT], no_key;
};

/* Nothing has been written lately. What came after which key is known of this
** period only, for a key has `no_key` as its next when it is new. */
static inline void wp_new_period(wp_codec *c) {
  c->period++;
  c->no_key.object = &c->no_key;
  c->no_key.next = c->last_key = &c->no_key;
}

/* User values of the userdata. */
enum {
  WP_OWN_NAMES = 1, /* the module names.lua */
  WP_OWN_REFS,      /* names.new(), or nil */
  WP_OWN_CODE,      /* weak: function -> its code */
  WP_OWN_LAST,      /* the code dumped last */
  WP_OWN_QUOTED,    /* the strings that the output quotes */
  WP_OWN_PACKED,    /* what __workerpool_pack gave, in this message */
  WP_OWN_COUNT = WP_OWN_PACKED
};

/* wp_codec_check. By its size, and by its address, which nothing else holds
** where we have it: to ask for the metatable takes 300 instructions more, half
** a number. */
static inline wp_codec *wp_codec_at(lua_State *L, int index) {
  wp_codec *c = lua_touserdata(L, index);
  if (c && lua_rawlen(L, index) == sizeof(*c) && c->self == c) return c;
  return luaL_checkudata(L, index, WP_CODEC_NAME);
}

/* Pushes the userdata of the codec, or nil when it is being collected. */
void wp_codec_push(lua_State *L, wp_codec *c);

/* Puts the value on top of the stack into a table of the codec, as number `i`;
** forgets that table. stack: value -> */
void wp_codec_own(lua_State *L, wp_codec *c, int table, lua_Integer i);
void wp_codec_disown(lua_State *L, wp_codec *c, int table);

/* The registry has them as strings, under their addresses: where a message is
** written none may be made (see wp_codec_call). */
extern const char wp_word_pack[], wp_word_unpack[], wp_word_stays[];

/* Loads names.lua, once. */
void wp_codec_prepare(lua_State *L, wp_codec *c);

/*
** lua_pcall for whatever is called while a message is written or read. The
** codec refuses to write meanwhile, and its output is out of reach: nobody
** can move the buffer under the encoder's pen, nor clear it. Strings may die
** and others be born at their addresses, so a new period of `recent` begins.
** While a message is written, all that makes Lua objects is called so: for
** then the collector may run finalizers, and those may write with this codec.
*/
int wp_codec_call(lua_State *L, wp_codec *c, int args, int results);

/* Calls a function of names.lua, protected: (refs, args…) -> results, and
** raises what it raised. Stack: args -> results. */
void wp_codec_ask(lua_State *L, wp_codec *c, const char *what, int args,
                  int results);

static inline int wp_known_bit(const wp_known *k, uint64_t hash) {
  return (k->bits[hash >> 58] >> (hash >> 52 & 63)) & 1;
}

static inline int wp_known_has(const wp_known *k, const void *p) {
  uint64_t hash = wp_seen_hash((uintptr_t)p);
  return wp_known_bit(k, hash) && wp_known_bit(k, hash << 12);
}

static inline void wp_known_add(wp_known *k, const void *p) {
  uint64_t hash = wp_seen_hash((uintptr_t)p);
  k->bits[hash >> 58] |= (uint64_t)1 << (hash >> 52 & 63);
  hash <<= 12;
  k->bits[hash >> 58] |= (uint64_t)1 << (hash >> 52 & 63);
}

/* Of the Lua stack: what a table in a table needs in either direction (table,
** key, value, and one more; its class, where it is read), and for how many
** levels it is asked at once. */
enum {
  WP_CHECK_LEVELS = 16,
  WP_CHECK_SLOTS = 5 * WP_CHECK_LEVELS + LUA_MINSTACK,
  WP_CEILING = 4 * (WP_CHECK_LEVELS - 1) /* above where it was asked for */
};

static inline void wp_check_stack(lua_State *L, int slots, const char *what) {
  if (!lua_checkstack(L, slots)) luaL_error(L, "stack overflow (%s)", what);
}

/* ---- the encoder, over its files ---------------------------------------- */

/* Any message: values first … first+n-1. */
void wp_write_all(wp_codec *c, lua_State *L, int first, int n);
/* The message of one table, `object`, of which `bytes` have been written, with
** `pairs`; the next pair is on the stack. stack: t, key, value -> t */
void wp_write_on(wp_codec *c, lua_State *L, int t, const void *object,
                 size_t pairs, size_t bytes);

/*
** These return 1, or 0 to say that names have changed and that the message
** has to be begun anew. `at` is the absolute index of what is on top of the
** stack; the stack is left as it was.
*/
int wp_write_value(wp_codec *c, lua_State *L, int at, const wp_place *where);
/* The table that is the only value of the message; of what is in it, the pair
** on the stack comes next, and `pairs` before it have been written.
** stack: t, key, value -> t */
int wp_write_begun(wp_codec *c, lua_State *L, int t, const void *object,
                   size_t pairs, const wp_place *where);
int wp_write_function(wp_codec *c, lua_State *L, int at,
                      const wp_place *where);
int wp_write_userdata(wp_codec *c, lua_State *L, int at,
                      const wp_place *where);
/* What goes before the contents of a table with a metatable; 2 when they are
** to follow. stack: t, metatable -> t */
int wp_write_object(wp_codec *c, lua_State *L, int at, const wp_place *where);

/* Writes a name or a reference and returns 1 when the value has one. */
int wp_write_known(wp_codec *c, lua_State *L, int at);

/* 1: the value has come before, and a reference to it was written. 0: it is
** a new object, numbered now. */
int wp_write_again(wp_codec *c, lua_State *L, const void *object,
                   const wp_place *where);

void wp_write_text(wp_codec *c, lua_State *L, const char *s, size_t len);
/* The string on top of the stack, by its place; wp_quote_forget forgets those
** of a message that was not written to its end. */
void wp_write_quote(wp_codec *c, lua_State *L, const char *s, size_t len);
void wp_quote_forget(wp_codec *c);
void wp_write_kept(wp_codec *c, lua_State *L, uint32_t number);
void wp_write_tag(wp_codec *c, lua_State *L, int tag);
void wp_write_varint(wp_codec *c, lua_State *L, uint64_t n);

/* The slot of a key in c->seen, after making room. */
wp_seen_slot *wp_write_slot(wp_codec *c, lua_State *L, uintptr_t key);

/* Lets go of what __workerpool_pack gave, for a message that has been written
** or has not. */
void wp_anchor_forget(lua_State *L, wp_codec *c, int is_written);
void wp_packed_forget(wp_codec *c, int is_written);

/* One level more, and back. */
int wp_write_too_deep(lua_State *L, const wp_place *where);

static inline void wp_write_deeper(wp_codec *c, lua_State *L,
                                   const wp_place *where) {
  if (++c->depth > WP_LIMIT_DEPTH) wp_write_too_deep(L, where);
}

static inline void wp_write_back(wp_codec *c) { c->depth--; }

/* ---- the decoder, over its files ---------------------------------------- */

typedef struct wp_reader {
  lua_State *L;
  wp_codec *codec;
  const unsigned char *start, *p, *end;
  size_t owed;      /* bytes that open tables have promised to contain */
  lua_Integer objects, n_kept;
  int refs;         /* stack index of a table, or 0 */
  int kept;         /* stack index, or 0: WP_KEPT_INLINE places for what was
                    ** kept first, and one for the table of the rest */
  uint32_t strings; /* one bit each: which of the first are strings */
  int depth, checked;
} wp_reader;

/* Pushes a string of WP_LARGE_STRING bytes or more: see codec_large.c. */
#define WP_LARGE_STRING ((size_t)1 << 18)
void wp_push_large(lua_State *L, wp_codec *c, const char *s, size_t len);

_Noreturn void wp_read_corrupt(wp_reader *r, const char *what);
void wp_read_value(wp_reader *r);
uint64_t wp_read_varint(wp_reader *r);
unsigned wp_read_byte(wp_reader *r);

/* Counts a new object and returns its number; notes the value on top of the
** stack under a number, when the message refers to objects. */
static inline lua_Integer wp_read_number(wp_reader *r) { return r->objects++; }

static inline void wp_read_note(wp_reader *r, lua_Integer number) {
  if (!r->refs) return;
  lua_pushvalue(r->L, -1);
  lua_rawseti(r->L, r->refs, number + 1);
}

/* One level more: checks that it is not too many, and that there is stack for
** it. Who has pushed more than a table needs makes the next one look again. */
void wp_read_check_depth(wp_reader *r);

/* Returns what wp_read_back is to be given: a level further up stands lower
** on the stack, and has less room above it than those that have been checked
** below. */
static inline int wp_read_deeper(wp_reader *r) {
  int checked = r->checked;
  if (++r->depth > checked) wp_read_check_depth(r);
  return checked;
}

static inline void wp_read_back(wp_reader *r, int checked) {
  r->depth--;
  r->checked = checked;
}

/* Keeps the string or class on top of the stack. */
void wp_read_keep(wp_reader *r);

/* Pushes the class that was kept, if that is what comes. */
int wp_read_known_class(wp_reader *r);

/* `n` more bytes are needed at least: checks that they are there, and not
** promised to others yet. Each is to be taken off r->owed when it comes. */
void wp_read_owe(wp_reader *r, uint64_t n);

/* Reads a table from its tag on; it has been numbered, and its level of
** nesting has been counted: an object and its table are one. */
void wp_read_contents(wp_reader *r, lua_Integer number);

/* What comes after the tag; each pushes one value. */
void wp_read_function(wp_reader *r);
void wp_read_name(wp_reader *r);
void wp_read_remembered(wp_reader *r);
void wp_read_object(wp_reader *r);
void wp_read_packed(wp_reader *r);

#endif
