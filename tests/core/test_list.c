// SPDX-License-Identifier: MIT
// List: the order is kept, and leaving costs the same from anywhere.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/list.h"

enum { ITEMS = 8, LISTS = 3, STEPS = 20000 };

typedef struct item {
    char letter;
    neap_link link;
} item;

typedef struct world {
    item items[ITEMS];
    neap_list lists[LISTS];
} world;

// The letters of a list, walked forwards; each link must agree backwards.
static const char *letters_of(const neap_list *list) {
    static char letters[ITEMS + 1];
    size_t n = 0;
    for (const neap_link *at = list->next; at != list; at = at->next) {
        assert_true(n < ITEMS);
        assert_ptr_equal(at->prev->next, at);
        assert_ptr_equal(at->next->prev, at);
        letters[n++] = NEAP_OWNER(at, item, link)->letter;
    }
    letters[n] = '\0';
    return letters;
}

static void init(world *w) {
    for (int i = 0; i < ITEMS; i++) {
        w->items[i].letter = (char)('a' + i);
        neap_list_init(&w->items[i].link);
    }
    for (int i = 0; i < LISTS; i++) neap_list_init(&w->lists[i]);
}

// The first list holds a, b, c; the second d, e.
static void fill(world *w) {
    init(w);
    for (int i = 0; i < 5; i++)
        neap_list_append(&w->lists[i < 3 ? 0 : 1], &w->items[i].link);
}

static void a_new_list_is_empty(void **state) {
    (void)state;
    neap_list list;
    neap_list_init(&list);
    assert_true(neap_list_empty(&list));
    assert_string_equal(letters_of(&list), "");
}

static void appending_keeps_the_order(void **state) {
    (void)state;
    world w;
    fill(&w);
    assert_false(neap_list_empty(&w.lists[0]));
    assert_string_equal(letters_of(&w.lists[0]), "abc");
}

static void an_owner_is_found_by_its_link(void **state) {
    (void)state;
    world w;
    fill(&w);
    item *first = NEAP_OWNER(w.lists[0].next, item, link);
    assert_ptr_equal(first, &w.items[0]);
}

static void one_leaves_from_the_middle(void **state) {
    (void)state;
    world w;
    fill(&w);
    neap_list_unlink(&w.items[1].link);
    assert_string_equal(letters_of(&w.lists[0]), "ac");
}

static void leaving_twice_does_no_harm(void **state) {
    (void)state;
    world w;
    fill(&w);
    neap_list_unlink(&w.items[0].link);
    neap_list_unlink(&w.items[0].link);
    assert_string_equal(letters_of(&w.lists[0]), "bc");
    assert_true(neap_list_empty(&w.items[0].link));
}

static void all_left_leave_an_empty_list(void **state) {
    (void)state;
    world w;
    fill(&w);
    for (int i = 0; i < 3; i++) neap_list_unlink(&w.items[i].link);
    assert_true(neap_list_empty(&w.lists[0]));
}

static void a_splice_goes_behind_and_empties_its_source(void **state) {
    (void)state;
    world w;
    fill(&w);
    neap_list_splice(&w.lists[0], &w.lists[1]);
    assert_string_equal(letters_of(&w.lists[0]), "abcde");
    assert_true(neap_list_empty(&w.lists[1]));
}

static void a_splice_into_an_empty_list_moves_it(void **state) {
    (void)state;
    world w;
    fill(&w);
    neap_list_splice(&w.lists[2], &w.lists[0]);
    assert_string_equal(letters_of(&w.lists[2]), "abc");
    assert_true(neap_list_empty(&w.lists[0]));
}

static void a_splice_of_nothing_changes_nothing(void **state) {
    (void)state;
    world w;
    fill(&w);
    neap_list_splice(&w.lists[0], &w.lists[2]);
    assert_string_equal(letters_of(&w.lists[0]), "abc");
    assert_true(neap_list_empty(&w.lists[2]));
}

// ---- against a model: strings of letters

static void model_remove(char models[][ITEMS + 1], char letter) {
    for (int i = 0; i < LISTS; i++) {
        char *at = strchr(models[i], letter);
        if (at) memmove(at, at + 1, strlen(at));
    }
}

static void model_append(char *model, char letter) {
    size_t end = strlen(model);
    model[end] = letter;
    model[end + 1] = '\0';
}

static void random_step(world *w, char models[][ITEMS + 1]) {
    item *one = &w->items[rand() % ITEMS];
    int to = rand() % LISTS, from = (to + 1) % LISTS;
    if (rand() % 8 == 0) {
        neap_list_splice(&w->lists[to], &w->lists[from]);
        for (char *at = models[from]; *at; at++) model_append(models[to], *at);
        models[from][0] = '\0';
        return;
    }
    neap_list_unlink(&one->link);
    model_remove(models, one->letter);
    if (rand() % 4 == 0) return;
    neap_list_append(&w->lists[to], &one->link);
    model_append(models[to], one->letter);
}

static void lists_behave_as_strings_do(void **state) {
    (void)state;
    world w;
    char models[LISTS][ITEMS + 1] = {"", "", ""};
    init(&w);
    srand(1);
    for (int step = 0; step < STEPS; step++) {
        random_step(&w, models);
        for (int i = 0; i < LISTS; i++)
            assert_string_equal(letters_of(&w.lists[i]), models[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_list_is_empty),
        cmocka_unit_test(appending_keeps_the_order),
        cmocka_unit_test(an_owner_is_found_by_its_link),
        cmocka_unit_test(one_leaves_from_the_middle),
        cmocka_unit_test(leaving_twice_does_no_harm),
        cmocka_unit_test(all_left_leave_an_empty_list),
        cmocka_unit_test(a_splice_goes_behind_and_empties_its_source),
        cmocka_unit_test(a_splice_into_an_empty_list_moves_it),
        cmocka_unit_test(a_splice_of_nothing_changes_nothing),
        cmocka_unit_test(lists_behave_as_strings_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
