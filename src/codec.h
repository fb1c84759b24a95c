/*
** Codec: Lua values to bytes and back. It never touches a descriptor, a
** pid or a socket; it knows lua.h, and below it base and slab.
**
** A *message* is a list of values (the arguments or the results of one
** task, or one job). Shared references and cycles are kept within one
** message. Messages are self-delimiting, so that many can follow each
** other in one buffer.
**
** A wp_codec is a full userdata owned by Lua. It carries the output buffer,
** the table of objects seen in the message being written, and the tables
** that translate between values and names (see names.lua).
*/
#ifndef WP_CODEC_H
#define WP_CODEC_H

#include "base.h"

#include <lua.h>

#define WP_CODEC_NAME "workerpool.codec"

typedef struct wp_codec wp_codec;

/*
** Pushes a new codec. Registers its metatable on first use. Functions are
** sent as references only by a codec that was given a names.new() of
** names.lua: wp_codec_remember takes it off the top of the stack.
*/
wp_codec *wp_codec_new(lua_State *L);
void wp_codec_remember(lua_State *L, wp_codec *c);

/* The codec at `index`, or an argument error. */
wp_codec *wp_codec_check(lua_State *L, int index);

/* The output buffer: the caller may clear it, append raw bytes of its own
** between messages, and read it until the next call. */
wp_bytes *wp_codec_output(wp_codec *c);

/* Clears the output and puts one byte into it, a mark of the caller's. */
void wp_codec_restart(lua_State *L, wp_codec *c, int mark);

/*
** Appends one message: the `n` values on top of the stack, where the caller
** has three more places.
** `label` roots the path in errors ("args" gives "cannot send
** args[2].socket: userdata (FILE*)"). When something cannot travel the
** error is *raised* as a string and the output is as it was before the call.
*/
void wp_codec_write(lua_State *L, wp_codec *c, int n, const char *label);

/* codec:encode(values…) -> the message as a string. The output is borrowed for
** it: what others have in it stays. wp_codec_push_message does so for the `n`
** values on top of the stack. */
int wp_codec_encode(lua_State *L);
void wp_codec_push_message(lua_State *L, wp_codec *c, int n,
                           const char *label);

/* As wp_codec_write, but strings of WP_QUOTE_LEAST bytes and more may be left
** where they are: then the output is what wp_codec_iov says, until it is
** cleared. Returns whether that is so. */
#define WP_QUOTE_LEAST 8192u
int wp_codec_write_quoting(lua_State *L, wp_codec *c, int n,
                           const char *label);

/* The output with what it quotes: a list of *n, valid until the next call. */
const struct iovec *wp_codec_iov(lua_State *L, wp_codec *c, int *n);

/* Clears the output, and lets go of what it quotes. */
void wp_codec_clear(lua_State *L, wp_codec *c);

/*
** Reads one message from data[0 … len-1], pushes its values, sets *n to
** their number and returns the bytes used. Raises a string ("corrupt
** message: …") on bytes that no encoder writes; never reads past the end,
** never allocates more than the bytes present can justify. The caller has
** a place for one value on the stack; more are made.
*/
size_t wp_codec_read(lua_State *L, wp_codec *c, const unsigned char *data,
                     size_t len, int *n);

/* The bytes that such a message uses, found without making its values: also
** when they cannot be made here. 0 on bytes that no encoder writes. */
size_t wp_codec_skip(const unsigned char *data, size_t len);

/*
** Whether functions by value are accepted (at first they are): Lua does not
** check its bytecode, so that crafted code can do anything to the process.
** Without trust, names do not load modules either.
*/
void wp_codec_trust(wp_codec *c, int trusted);

/* Whether it has called somebody's code in the midst of a message: what packs
** or unpacks an object, or a finalizer where something had to be made. */
int wp_codec_is_busy(const wp_codec *c);

/* Whether large strings that are read make the collector generational, with
** little to do for each: for who owns the state. See codec_large.c. */
void wp_codec_collect_young(wp_codec *c, int young);

/* The table or userdata at `index` may travel by name or reference: encoders
** of this Lua state will ask names.lua about it. */
void wp_codec_note(lua_State *L, int index);

/*
** For a __workerpool_pack in C, whose values are good for one message. It notes
** what it has done; `undo` is called with the notes of a message that was not
** written to its end, when the codec writes the next one. Does nothing when no
** codec is calling.
*/
typedef void (*wp_codec_undo)(const void *notes, size_t length);
void wp_codec_on_undo(wp_codec_undo undo);
void wp_codec_note_packed(const void *note, size_t length);

/* Adds the codec's Lua functions to the table on top of the stack. */
void wp_bind_codec(lua_State *L);

#endif
