/* Tables of one schedule, the state of the machine, and its steps. A fault sets `bad`; nothing happens after it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T = 40, E = 12, V = 40, I = 64, W = 40, SLOTS = 64 };
enum { SERIAL, PREFETCHING, OUTSTANDING, POOL };
enum { RUN, FETCH, ENQUEUE, PROGRAM, SYNC };

typedef struct { int n, at[W]; } List;
typedef struct { int kind, engine, slots, target, low, high, slot, link, dma; List waits, updates, pushes, earlier, items; } Task;
typedef struct { int order, servers, depth, base; List tasks; } Engine;
typedef struct { int pid, producers, consumers, raises, booted, rank; List items; } Instance;
typedef struct { int engine, low, high, triggers; } Item;

typedef struct {
  unsigned char seen[T], started[T], ended[T], tail[E], head[E], blocked[E];
  unsigned char pushed[V], over[V], armed[V], producers[V], consumers[V];
  unsigned char claimed[SLOTS], need[I], front[E], pending[T + V], waiting, serving, step, item, bad;
  unsigned char may_start[T], may_end[T], may_serve, done; /* what follows from the rest: SPIN calls no functions in guards */
} Machine;

static int tasks, engines, instances, pids, items, tail_at, drops, at_end, by_id, fifo, full;
static Task task[T];
static Engine engine[E];
static Instance instance[V];
static Item item[I];
static List of_pid[V], booted, ranked;

static int number(FILE *f) {
  int x;
  if (fscanf(f, "%d", &x) != 1) { fprintf(stderr, "short schedule\n"); exit(9); }
  return x;
}

static void list(FILE *f, List *l) {
  l->n = number(f);
  if (l->n > W) { fprintf(stderr, "schedule too large\n"); exit(9); }
  for (int i = 0; i < l->n; i++) l->at[i] = number(f);
}

static void load(void) {
  FILE *f = fopen(getenv("WLM_SCHEDULE"), "r");
  int *head[] = {&tasks, &engines, &instances, &pids, &items, &tail_at, &drops, &at_end, &by_id, &fifo, &full};
  for (unsigned i = 0; i < sizeof head / sizeof *head; i++) *head[i] = number(f);
  if (tasks > T || engines > E || instances > V || pids > V || items > I) { fprintf(stderr, "schedule too large\n"); exit(9); }
  for (int t = 0; t < tasks; t++) {
    Task *x = &task[t];
    int *fields[] = {&x->kind, &x->engine, &x->slots, &x->target, &x->low, &x->high, &x->slot, &x->link, &x->dma};
    for (int i = 0; i < 9; i++) *fields[i] = number(f);
    list(f, &x->waits); list(f, &x->updates); list(f, &x->pushes); list(f, &x->earlier); list(f, &x->items);
  }
  for (int e = 0; e < engines; e++) {
    engine[e].order = number(f); engine[e].servers = number(f); engine[e].depth = number(f); engine[e].base = number(f);
    list(f, &engine[e].tasks);
  }
  for (int v = 0; v < instances; v++) {
    Instance *x = &instance[v];
    int *fields[] = {&x->pid, &x->producers, &x->consumers, &x->raises, &x->booted, &x->rank};
    for (int i = 0; i < 6; i++) *fields[i] = number(f);
    list(f, &x->items);
  }
  for (int i = 0; i < items; i++) {
    item[i].engine = number(f); item[i].low = number(f); item[i].high = number(f); item[i].triggers = number(f);
  }
  for (int p = 0; p < pids; p++) list(f, &of_pid[p]);
  list(f, &booted); list(f, &ranked);
  fclose(f);
}

/* 255 stands for none. */
static int current(Machine *m, int p) { return m->armed[p] ? of_pid[p].at[m->over[p]] : 255; }

static void push_instance(Machine *m, int v) {
  int p = instance[v].pid;
  if (m->pushed[p] >= of_pid[p].n || of_pid[p].at[m->pushed[p]] != v || m->pushed[p] - m->over[p] > fifo) m->bad = 1;
  else m->pushed[p]++;
}

/* Push as far as there is room; 1 if all went in. */
static int push_work(Machine *m, int e, int low, int high, int room) {
  int queued = 0;
  if (m->tail[e] != low) { m->bad = 1; return 1; }
  for (int i = m->head[e]; i < m->tail[e]; i++) queued += !task[engine[e].tasks.at[i]].link;
  while (m->tail[e] < high) {
    if (!task[engine[e].tasks.at[m->tail[e]]].link && ++queued > room) return 0;
    m->tail[e]++;
  }
  return 1;
}

static void consume(Machine *m, int t) {
  for (int i = 0; i < task[t].waits.n; i++) {
    int v = task[t].waits.at[i], p = instance[v].pid;
    if (current(m, p) != v || m->consumers[p] < task[t].slots) { m->bad = 1; return; }
    m->consumers[p] -= task[t].slots;
  }
}

static int fetched(Machine *m, int t) {
  for (int f = 0; f < tasks; f++)
    if (task[f].kind == FETCH && m->ended[f] && task[f].target == task[t].engine)
      for (int i = task[f].low; i < task[f].high; i++) if (engine[task[f].target].tasks.at[i] == t) return 1;
  return 0;
}

/* Phase 3. */
static void heads(Machine *m, int e) {
  Engine *x = &engine[e];
  while (!m->bad && m->head[e] < m->tail[e]) {
    int i = m->head[e], ended = 0, t = x->tasks.at[i];
    for (int j = 0; j < i; j++) ended += m->ended[x->tasks.at[j]];
    int room = x->order == SERIAL ? ended == i : x->order == POOL ? i - ended < x->servers : !i || m->started[x->tasks.at[i - 1]];
    if (!room || (task[t].link == 1 && !m->ended[x->tasks.at[i - 1]])) return;
    m->head[e]++;
    if (!task[t].dma && !fetched(m, t)) m->bad = 1;
    if (task[t].waits.n == 1 && current(m, instance[task[t].waits.at[0]].pid) != task[t].waits.at[0]) m->bad = 1;
  }
}

/* Phase 4: whoever is at head and reads zeros will start. */
static void look(Machine *m) {
  for (int e = 0; e < engines && !m->bad; e++)
    for (int i = 0; i < m->head[e]; i++) {
      Engine *x = &engine[e];
      int t = x->tasks.at[i], zero = 1, stale = 0;
      if (m->seen[t]) continue;
      if ((x->order == PREFETCHING || x->order == OUTSTANDING) && i >= x->servers && !m->ended[x->tasks.at[i - x->servers]]) continue;
      for (int j = 0; j < task[t].waits.n; j++) {
        int v = task[t].waits.at[j], p = instance[v].pid;
        if (m->producers[p]) zero = 0;
        if (current(m, p) != v) stale = 1;
      }
      if (!zero) continue;
      if (stale) { m->bad = 1; return; }
      m->seen[t] = 1;
    }
}

static int raised[T + V], raising;

static void finish(Machine *m, int t) {
  Task *x = &task[t];
  if (x->kind == ENQUEUE) {
    int e = x->target, mine = m->blocked[e] == t;
    if (m->blocked[e] != 255 && !mine) { m->bad = 1; return; }
    if (!push_work(m, e, mine ? m->tail[e] : x->low, x->high, engine[e].depth)) {
      if (drops) m->bad = 1; else m->blocked[e] = t;
      return;
    }
    m->blocked[e] = 255;
  }
  if (x->kind == FETCH && !full && x->items.n) raised[raising++] = t;
  for (int i = 0; i < x->pushes.n && !m->bad; i++) push_instance(m, x->pushes.at[i]);
  m->ended[t] = 1;
  if (at_end) consume(m, t);
  for (int i = 0; i < x->updates.n && !m->bad; i++) {
    int v = x->updates.at[i], p = instance[v].pid;
    if (current(m, p) != v || m->producers[p] < x->slots) m->bad = 1; else m->producers[p] -= x->slots;
  }
}

/* Phase 2. */
static void arm(Machine *m) {
  for (int p = 0; p < pids; p++)
    for (;;) {
      int v = current(m, p);
      if (v != 255 && !m->producers[p] && !m->consumers[p]) {
        if (instance[v].raises) raised[raising++] = tasks + instance[v].rank;
        m->over[p]++; m->armed[p] = 0;
      }
      if (m->armed[p] || m->pushed[p] <= m->over[p]) break;
      m->armed[p] = 1; v = current(m, p);
      m->producers[p] = instance[v].producers; m->consumers[p] = instance[v].consumers;
    }
}

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static int ascending_bytes(const void *a, const void *b) { return *(const unsigned char *)a - *(const unsigned char *)b; }

static void serve(Machine *m) {
  m->serving = m->pending[0]; m->step = 1;
  memmove(m->pending, m->pending + 1, --m->waiting);
  m->pending[m->waiting] = 0;
}

static void settle(Machine *m) {
  int again = 1;
  while (again && !m->bad) {
    again = 0;
    arm(m);
    qsort(raised, raising, sizeof *raised, ascending);
    for (int i = 0; i < raising; i++) m->pending[m->waiting++] = raised[i];
    raising = 0;
    for (int e = 0; e < engines; e++) heads(m, e);
    if (!m->bad) look(m);
    for (int e = 0; e < engines && !m->bad; e++)
      if (m->blocked[e] != 255) {
        int before = m->tail[e];
        finish(m, m->blocked[e]);
        if (m->blocked[e] == 255 || m->tail[e] != before) again = 1;
      }
  }
  if (m->bad) return;
  int left = 0, p = instance[tail_at].pid, place = 0;
  for (int t = 0; t < tasks; t++) left += !m->ended[t];
  while (of_pid[p].at[place] != tail_at) place++;
  if (left && (m->over[p] > place || (current(m, p) == tail_at && !m->producers[p]))) m->bad = 1;
  if (by_id) qsort(m->pending, m->waiting, 1, ascending_bytes);
  else if (m->waiting && !m->step) serve(m);
}

/* What may happen next. If nothing may, all must be done and clean. */
static void after(Machine *m) {
  int chooses = by_id && m->waiting && !m->step; /* in this very tick, before or after what starts in it */
  int some = m->may_serve = !m->bad && (m->step || chooses);
  for (int t = 0; t < tasks; t++) {
    int blocked = task[t].kind == ENQUEUE && m->blocked[task[t].target] == t;
    m->may_start[t] = !m->bad && m->seen[t] && !m->started[t];
    m->may_end[t] = !m->bad && m->started[t] && !m->ended[t] && !blocked && !chooses;
    some |= m->may_start[t] || m->may_end[t];
  }
  if (some || m->bad) return;
  m->done = 1;
  for (int t = 0; t < tasks; t++) if (!m->ended[t]) m->bad = 1;
  for (int p = 0; p < pids; p++) if (m->armed[p] || m->pushed[p] > m->over[p]) m->bad = 1;
}

static void start(Machine *m, int t) {
  Task *x = &task[t];
  m->started[t] = 1;
  for (int i = 0; i < x->earlier.n; i++) if (!m->ended[x->earlier.at[i]]) m->bad = 1;
  if (!at_end) consume(m, t);
  if (x->kind == FETCH)
    for (int i = x->low; i < x->high; i++) {
      unsigned char *slot = &m->claimed[engine[x->target].base + x->slot + i - x->low];
      int u = engine[x->target].tasks.at[i];
      for (int f = 0; f < tasks; f++)
        if (f != t && task[f].kind == FETCH && task[f].target == x->target && m->started[f] && task[f].low <= i && i < task[f].high) m->bad = 1;
      if (*slot != 255 && !m->ended[*slot]) m->bad = 1;
      *slot = u;
    }
  if (!m->bad) settle(m);
  after(m);
}

static void end(Machine *m, int t) { finish(m, t); if (!m->bad) settle(m); after(m); }

static void firmware(Machine *m) {
  int next = 255;
  if (!m->step) { serve(m); after(m); return; }
  List *due = m->serving < tasks ? &task[m->serving].items : &instance[ranked.at[m->serving - tasks]].items;
  if (m->serving >= tasks) {
    int v = ranked.at[m->serving - tasks], p = instance[v].pid;
    for (int i = 0; i + 1 < of_pid[p].n; i++) if (of_pid[p].at[i] == v) next = of_pid[p].at[i + 1];
  }
  if (m->step == 1 && next != 255 && !instance[next].booted) { m->step = 2; settle(m); after(m); return; }
  if (m->step == 3) {
    Item *x = &item[m->item];
    if (!push_work(m, x->engine, x->low, x->high, engine[x->engine].depth)) m->bad = 1;
  } else {
    if (m->step == 2) push_instance(m, next);
    for (int i = 0; i < due->n; i++) m->need[due->at[i]]--;
  }
  int best = 255;
  for (int e = 0; e < engines; e++) if (m->front[e] != 255 && !m->need[m->front[e]] && m->front[e] < best) best = m->front[e];
  m->item = best;
  if (best == 255) { m->step = 0; m->serving = 255; }
  else {
    int e = item[best].engine, i = best + 1;
    while (i < items && item[i].engine != e) i++;
    m->front[e] = i < items ? i : 255; m->step = 3;
  }
  if (!m->bad) settle(m);
  after(m);
}

static void boot(Machine *m) {
  load();
  memset(m, 0, sizeof *m);
  memset(m->blocked, 255, sizeof m->blocked);
  memset(m->claimed, 255, sizeof m->claimed);
  memset(m->front, 255, sizeof m->front);
  m->serving = m->item = 255;
  for (int i = items - 1; i >= 0; i--) {
    m->need[i] = item[i].triggers;
    if (item[i].triggers) m->front[item[i].engine] = i;
  }
  for (int i = 0; i < booted.n && !m->bad; i++) push_instance(m, booted.at[i]);
  for (int i = 0; i < items && !m->bad; i++)
    if (!item[i].triggers && !push_work(m, item[i].engine, item[i].low, item[i].high, engine[item[i].engine].depth + 1)) m->bad = 1;
  if (!m->bad) settle(m);
  after(m);
}
