/* Inside server/: what CONFIG SET port and bind do. */
#ifndef TANDEM_SERVER_LISTEN_H
#define TANDEM_SERVER_LISTEN_H

const char *listen_again(void); /* config_hooks.listen_again */

#endif
