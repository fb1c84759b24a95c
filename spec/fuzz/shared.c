/*
** Fuzz, shared: the objects in shared memory, against plain models of them. A
** process that is killed in the middle of a change leaves what is *primary*
** whole and what is *derived* from it in any state at all. So between two
** steps derived parts are overwritten with what the input says (the index and
** counts of a dict, its half that does not count, free lists and reference
** counts of the heap), repaired as after a death, and must be as before.
*/
#include "input.h"
#include "shared_block.h"
#include "shared_dict.h"
#include "shared_holder.h"
#include "shared_queue.h"

#include <string.h>

enum { KEYS = 24, ITEMS = 8, OBJECTS = 12, MOST_STEPS = 300 };
enum { DICT_BYTES = 4096, QUEUE_BYTES = 512 };

/* What a dict or a queue has under a key or in a place: a length and a byte
** that fills it, and an object that it holds, or none. */
typedef struct model {
  int is_there, object;
  size_t length;
  unsigned char fill;
} model;

static wp_shared dict, queue, objects[OBJECTS];
static model keys[KEYS], items[ITEMS];
static unsigned n_items, stored[OBJECTS];

static wp_dict *d(void) { return dict.object; }
static wp_shared_queue *q(void) { return queue.object; }

/* ---- values ------------------------------------------------------------- */

static wp_span fill(model *m, unsigned char *bytes) {
  memset(bytes, m->fill, m->length);
  return (wp_span){bytes, m->length};
}

static model take_model(input *in) {
  model m = {.is_there = 1, .length = take_byte(in), .object = -1};
  m.fill = (unsigned char)take_byte(in);
  if (m.fill & 1) m.length *= 8;
  unsigned which = take_byte(in);
  if (which < OBJECTS && objects[which].object) m.object = (int)which;
  return m;
}

/* The tickets of a message that holds the model's object. */
static void send_object(const model *m, wp_bytes *tickets) {
  wp_ticket t;
  *tickets = (wp_bytes){0};
  if (m->object < 0) return;
  MUST(wp_shared_send(&objects[m->object], 1, &t) == WP_OK);
  MUST(wp_bytes_append(tickets, &t, sizeof(t)) == WP_OK);
}

static void settle(const model *m, wp_bytes *tickets, int is_taken) {
  if (m->object >= 0 && is_taken) stored[m->object]++;
  if (!is_taken)
    wp_shared_forget((const wp_ticket *)(const void *)tickets->data,
                     tickets->len / sizeof(wp_ticket));
  wp_bytes_free(tickets);
}

static void unstore(const model *m) {
  if (m->is_there && m->object >= 0) stored[m->object]--;
}

/* ---- the dict ----------------------------------------------------------- */

static wp_span key_of(unsigned k, unsigned char *place) {
  memset(place, 'k', 40);
  place[0] = (unsigned char)k;
  return (wp_span){place, k % 3 ? 9 : 1 + k};
}

static void dict_set(input *in) {
  unsigned char place[64], bytes[4096];
  unsigned k = take_byte(in) % KEYS;
  model m = take_model(in);
  wp_bytes tickets;
  wp_span key = key_of(k, place);
  send_object(&m, &tickets);
  int status = wp_dict_set(d(), key, wp_dict_hash(key), fill(&m, bytes),
                           &tickets);
  settle(&m, &tickets, status == WP_OK);
  MUST(status == WP_OK || status == WP_EFULL || status == WP_ETOOBIG);
  if (status != WP_OK) return;
  unstore(&keys[k]);
  keys[k] = m;
}

static void dict_delete(input *in) {
  unsigned char place[64];
  unsigned k = take_byte(in) % KEYS;
  wp_span key = key_of(k, place);
  wp_dict_record *r = wp_dict_find(d(), key, wp_dict_hash(key));
  MUST((r != NULL) == keys[k].is_there);
  if (!r) return;
  wp_dict_delete(d(), r);
  unstore(&keys[k]);
  keys[k].is_there = 0;
}

static void dict_clear(void) {
  wp_dict_clear(d());
  for (unsigned k = 0; k < KEYS; k++) {
    unstore(&keys[k]);
    keys[k].is_there = 0;
  }
}

static void check_value(const void *data, size_t length, const model *m) {
  const unsigned char *bytes = data;
  MUST(length == m->length);
  for (size_t i = 0; i < length; i++) MUST(bytes[i] == m->fill);
}

static void check_dict(void) {
  unsigned char place[64];
  unsigned n = 0;
  for (unsigned k = 0; k < KEYS; k++) {
    wp_span key = key_of(k, place);
    wp_dict_record *r = wp_dict_find(d(), key, wp_dict_hash(key));
    MUST((r != NULL) == keys[k].is_there);
    n += keys[k].is_there != 0;
    if (!r) continue;
    wp_span value = wp_record_value(r);
    check_value(value.data, value.length, &keys[k]);
  }
  MUST(atomic_load(&d()->count) == n);
  for (wp_dict_record *r = NULL; (r = wp_dict_next(d(), r));) n--;
  MUST(n == 0);
}

static void spoil(unsigned char *at, size_t size, input *in) {
  unsigned n = take_byte(in) % 16;
  unsigned char byte = (unsigned char)take_byte(in);
  if (n == 0) memset(at, byte, size);
  for (; n > 0; n--) at[take_number(in, 2) % size] = byte++;
}

static void kill_in_dict(input *in) {
  unsigned char *index = (unsigned char *)(d() + 1);
  unsigned char *halves = index + d()->n_index * 8;
  uint32_t other = 1 - atomic_load(&d()->active);
  spoil(index, d()->n_index * 8, in);
  spoil(halves + other * d()->bytes, d()->bytes, in);
  /* Behind the top nobody looks. */
  uint64_t top = atomic_load(&d()->top[1 - other]);
  if (top < d()->bytes)
    spoil(halves + (1 - other) * d()->bytes + top, d()->bytes - top, in);
  atomic_store(&d()->count, take_number(in, 8));
  d()->alive_bytes = take_number(in, 8);
  d()->tombs = take_number(in, 8);
  atomic_store(&d()->top[other], take_number(in, 8));
  wp_dict_repair(d());
}

/* ---- the queue ---------------------------------------------------------- */

static void queue_put(input *in) {
  unsigned char bytes[4096];
  model m = take_model(in);
  wp_bytes tickets;
  wp_span value = fill(&m, bytes);
  send_object(&m, &tickets);
  int status = wp_shared_queue_put(q(), value.data, value.length, &tickets);
  settle(&m, &tickets, status == WP_OK);
  size_t whole = ((m.length + 7) & ~(size_t)7) +
                 (m.object >= 0 ? sizeof(wp_ticket) : 0);
  MUST((status == WP_ETOOBIG) == (((whole + 7) & ~(size_t)7) > QUEUE_BYTES));
  if (n_items == ITEMS) MUST(status != WP_OK);
  if (n_items == 0 && status != WP_ETOOBIG) MUST(status == WP_OK);
  if (status == WP_OK) items[n_items++] = m;
}

static void queue_get(void) {
  wp_bytes data = {0}, tickets = {0};
  int status = wp_shared_queue_get(q(), &data, &tickets);
  MUST((status == WP_OK) == (n_items > 0));
  if (status != WP_OK) return;
  check_value(data.data, data.len, &items[0]);
  size_t n = items[0].object >= 0 ? 1 : 0;
  MUST(tickets.len == n * sizeof(wp_ticket));
  unstore(&items[0]);
  if (n) wp_shared_forget((wp_ticket *)(void *)tickets.data, n);
  wp_bytes_free(&data);
  wp_bytes_free(&tickets);
  memmove(items, items + 1, --n_items * sizeof(*items));
}

/* ---- the heap ----------------------------------------------------------- */

static void toggle_object(input *in) {
  unsigned i = take_byte(in) % OBJECTS;
  size_t size = take_number(in, 2) * (i == 0 ? 64 : 1) + 1;
  if (objects[i].object) {
    if (stored[i]) return; /* its handle is how the model finds it again */
    wp_shared_drop(&objects[i]);
    return;
  }
  MUST(wp_shared_new(WP_SHARED_ARRAY, size, &objects[i]) == WP_OK);
  const unsigned char *at = objects[i].object;
  for (size_t k = 0; k < size; k += 1 + size / 64) MUST(at[k] == 0);
  memset(objects[i].object, (int)i + 1, size);
}

static void check_heap(void) {
  wp_shared_figures f;
  unsigned n = 2;
  for (unsigned i = 0; i < OBJECTS; i++) {
    const unsigned char *at = objects[i].object;
    if (!at) continue;
    n++;
    for (size_t k = 0; k < objects[i].size; k++) MUST(at[k] == i + 1);
  }
  wp_shared_count(&f);
  MUST(f.objects == n && f.handles == n);
}

static void kill_in_heap(input *in) {
  wp_heap *h = wp_shared_enter();
  for (wp_block *b = NULL; (b = wp_block_next(h, b));) {
    b->refs = (uint32_t)take_number(in, 4);
    b->next = take_number(in, 4);
  }
  spoil((unsigned char *)h->free, sizeof(h->free), in);
  for (uint32_t i = 0; i < h->slots_used; i++)
    wp_heap_slot(h, i)->free = (uint32_t)take_number(in, 4);
  wp_holder_recount(h);
  wp_shared_leave();
}

/* ---- all ---------------------------------------------------------------- */

static void step(input *in) {
  switch (take_byte(in) % 12) {
    case 0: case 1: dict_set(in); break;
    case 2: dict_delete(in); break;
    case 3: if (take_byte(in) % 8 == 0) dict_clear(); break;
    case 4: case 5: queue_put(in); break;
    case 6: queue_get(); break;
    case 7: case 8: toggle_object(in); break;
    case 9: kill_in_dict(in); break;
    case 10: kill_in_heap(in); break;
    default: check_heap();
  }
}

static void make(void) {
  MUST(wp_shared_new(WP_SHARED_DICT, wp_dict_size(KEYS / 2, DICT_BYTES),
                     &dict) == WP_OK);
  MUST(wp_shared_new(WP_SHARED_QUEUE, wp_shared_queue_size(ITEMS, QUEUE_BYTES),
                     &queue) == WP_OK);
  wp_dict_init(d(), KEYS / 2, DICT_BYTES);
  wp_shared_queue_init(q(), ITEMS, QUEUE_BYTES);
  memset(keys, 0, sizeof(keys));
  memset(stored, 0, sizeof(stored));
  n_items = 0;
}

/* What the queue and the dict hold goes with them; the heap itself goes with
** the last handle. */
static void end(void) {
  wp_shared_figures f;
  wp_shared last;
  MUST(wp_shared_new(WP_SHARED_ARRAY, 1, &last) == WP_OK);
  wp_shared_drop(&queue);
  wp_shared_drop(&dict);
  for (unsigned i = 0; i < OBJECTS; i++) wp_shared_drop(&objects[i]);
  wp_shared_count(&f);
  MUST(f.objects == 1 && f.handles == 1);
  wp_shared_drop(&last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, data + size};
  wp_holder_on_destroy(WP_SHARED_DICT, wp_dict_destroy);
  wp_holder_on_destroy(WP_SHARED_QUEUE, wp_shared_queue_destroy);
  make();
  for (unsigned i = 0; i < MOST_STEPS && input_left(&in); i++) {
    step(&in);
    check_dict();
  }
  check_heap();
  end();
  return 0;
}
