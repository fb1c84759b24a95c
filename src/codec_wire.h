/*
** Codec, wire: the bytes of a message, all that both ends must agree on.
** A message is a head and its values, without names, padding or length:
**
**   head     one byte: WP_HEAD_REFS and WP_HEAD_KEPT, and in the low six
**            bits the number of values; 63 says that a varint follows.
**
**   byte     followed by                   value
**   00-5F                                  integer 0 … 95
**   60-7F    bytes                         string of 0 … 31 bytes
**   80-9F    pairs                         table of 0 … 31 pairs
**   A0-BF                                  kept string 0 … 31
**   C0                                     nil
**   C1 C2                                  false, true
**   C3-C6    1, 2, 4, 8 bytes              integer
**   C7       8 bytes                       float
**   C8       length (1 byte), bytes        string
**   C9       length (varint), bytes        string
**   CA       length (1 byte), bytes        string, which is kept
**   CB       number (varint)               kept string
**   CC       n (varint), values            table, a list of n
**   CD       n, values, pairs, END         table, a list with more keys
**   CE       number (varint)               object met before
**   CF       string                        what has this name (names.lua)
**   D0       id (varint)                   what was remembered as id
**   D1       code, n (1 byte), n values    function with n upvalues
**   D2       object, index (1 byte)        as upvalue only: the one of that
**                                          function, shared
**   D3       class, table                  table with a metatable
**   D4       class, n (varint), n values   what __workerpool_unpack makes
**   D5       n (4 bytes), n times 8 bytes  in lists only: n floats
**   D6                                     END
**   E0-FF    pairs, END                    table; k = byte - E0 says that it
**                                          has more than 2^(k-1) pairs
**
** Numbers have the byte order of the machine: both ends are one machine or
** compare it when they meet. A varint has seven bits a byte, lowest first.
**
** Two series of numbers run through a message, each from 0 up. *Objects* are
** tables, functions, packed values and strings over WP_KEEP_MOST bytes, each
** numbered when its first byte is met; a reader has to note them only when
** the head says WP_HEAD_REFS. *Kept* are short strings from their second
** time on (most come once, and then cost the reader nothing) and classes;
** they come only in messages with WP_HEAD_KEPT.
**
** A class is a string, the name of a metatable, which is kept; or a kept
** one, as A0-BF or CB.
*/
#ifndef WP_CODEC_WIRE_H
#define WP_CODEC_WIRE_H

enum {
  WP_HEAD_REFS = 0x80,
  WP_HEAD_KEPT = 0x40,
  WP_HEAD_COUNT = 0x3F
};

enum {
  WP_TAG_INT = 0x00,
  WP_TAG_TEXT = 0x60,
  WP_TAG_MAP = 0x80,
  WP_TAG_KEPT = 0xA0,
  WP_TAG_NIL = 0xC0,
  WP_TAG_FALSE,
  WP_TAG_TRUE,
  WP_TAG_INT8,
  WP_TAG_INT16,
  WP_TAG_INT32,
  WP_TAG_INT64,
  WP_TAG_FLOAT,
  WP_TAG_TEXT8,
  WP_TAG_TEXTV,
  WP_TAG_KEEP,
  WP_TAG_KEPTV,
  WP_TAG_LIST,
  WP_TAG_MIXED,
  WP_TAG_REF,
  WP_TAG_NAME,
  WP_TAG_REMEMBERED,
  WP_TAG_FUNCTION,
  WP_TAG_SHARED,
  WP_TAG_OBJECT,
  WP_TAG_PACKED,
  WP_TAG_FLOATS,
  WP_TAG_END,
  WP_TAG_BIGMAP = 0xE0
};

enum {
  WP_INT_INLINE = 0x60,  /* integers below have no byte but the tag */
  WP_TEXT_INLINE = 0x20, /* so do lengths of strings, */
  WP_MAP_INLINE = 0x20,  /* numbers of pairs */
  WP_KEPT_INLINE = 0x20, /* and kept strings */
  WP_BIGMAP_MOST = 26,   /* greatest k; larger tables grow as they are read */
  WP_KEEP_MOST = 40      /* as Lua's short strings: one copy, one address */
};

#endif
