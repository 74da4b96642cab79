-- SPDX-License-Identifier: MIT
--
-- Mutants of Channels. See tests/mutants.lua.

return {
    {"Q1", "bindings/exchange.c", "spec.channel",
        "return bid->seat->inbox != here || !neap_list_empty(&bid->line);",
        "return bid->seat->inbox != here || bid->line.next != NULL;"},
    {"Q5", "bindings/exchange.c", "spec.channel_thread",
        "if (give_getter(exchange, item, here)) return NEAPL_DONE;",
        "if (exchange->count >= exchange->max &&\n"
            .. "        give_getter(exchange, item, here)) return NEAPL_DONE;"},
    {"Q5", "bindings/exchange.c", "spec.channel",
        "if (item) store(exchange, item);",
        "if (item) neapL_item_free(item);"},
    {"Q8", "bindings/exchange.c", "spec.channel_thread",
        "    call(bid->seat->exchange, bid->seat);\n",
        ""},
    {"Q8", "bindings/exchange.c", "spec.channel_thread",
        "if (bid->side == NEAPL_PUTTERS || !bid->item) continue;",
        "if (!bid->item) continue;"},
    {"Q9", "bindings/exchange.c", "spec.channel",
        "        exchange->count = 0;\n",
        ""},
    {"P12", "bindings/channel.c", "spec.channel",
        "neapL_seat_return(channel->seat, item);",
        "neapL_item_free(item);"},
    {"P12", "bindings/channel.c", "spec.channel",
        "lua_rawsetp(L, -2, exchange);",
        "lua_rawsetp(L, -2, rt);"},
    {"P12", "bindings/exchange.c", "spec.channel",
        "neap_list_append(exchange->items.next, &item->link);",
        "neap_list_append(&exchange->items, &item->link);"},
}
