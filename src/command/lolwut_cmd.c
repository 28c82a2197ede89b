/* LOLWUT: two riders on one tandem, and behind them a skyline that is another one each time.
 *
 * LOLWUT VERSION <any> [columns]: the picture is as wide as asked, within reason. The last line is what tools look for. */
#include <stdio.h>
#include "base/random.h"
#include "command/handlers.h"
#include "server/server.h"

enum { ROWS = 6, WIDTH_MIN = 20, WIDTH = 66, WIDTH_MAX = 1000 };

static const char *const tandem[] = {"    __o    __o", "   _\\<,___\\<,_", "  (_)/------(_)"};
enum { RIDER_ROWS = 3, RIDER_WIDTH = 15 };

static char pixel(int row, int column, int height, int at) {
    int from_ground = ROWS - row, rider_row = row - (ROWS - RIDER_ROWS), x = column - at;
    if (rider_row >= 0 && x >= 0 && x < RIDER_WIDTH && x < (int)strlen(tandem[rider_row]) &&
        tandem[rider_row][x] != ' ')
        return tandem[rider_row][x];
    if (from_ground > height) return ' ';
    return from_ground == height ? '_' : (column * 7 + row * 3) % 5 == 0 ? '.' : ' ';
}

static sds draw(int width) {
    sds out = sds_empty();
    int heights[WIDTH_MAX], at = (int)random_below((uint64_t)(width - RIDER_WIDTH));
    for (int i = 0, h = 2; i < width; i++) {
        if (i % 5 == 0) h = 1 + (int)random_below(ROWS);
        heights[i] = h;
    }
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < width; i++) {
            char dot = pixel(row, i, heights[i], at);
            out = sds_cat(out, &dot, 1);
        }
        out = sds_cat(out, "\n", 1);
    }
    for (int i = 0; i < width; i++) out = sds_cat(out, "=", 1);
    return sds_cat_printf(out, "\n\nOne pulls, one follows: Tandem %s. Redis ver. %s\n", TANDEM_VERSION,
                          REDIS_VERSION);
}

void lolwut_command(struct client *c, const slice *argv, int argc) {
    int64_t version, width = WIDTH;
    if (argc >= 3 && slice_is(argv[1], "version")) {
        if (!cmd_i64(c, argv[2], &version, NULL)) return;
        if (argc > 3 && !cmd_i64(c, argv[3], &width, NULL)) return;
    }
    width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
    sds art = draw((int)width);
    reply_verbatim(&c->out, "txt", art, sds_len(art));
    sds_free(art);
}
