// Emoji by name; loaded when somebody first types a colon and two letters.

const TABLE = `
grinning 😀 smile 😄 grin 😁 laughing 😆 sweat_smile 😅 joy 😂 rofl 🤣 slightly_smiling 🙂 upside_down 🙃 wink 😉 blush 😊
innocent 😇 heart_eyes 😍 star_struck 🤩 kissing_heart 😘 yum 😋 tongue 😛 zany 🤪 hugging 🤗 thinking 🤔 shushing 🤫
zipper_mouth 🤐 raised_eyebrow 🤨 neutral 😐 expressionless 😑 smirk 😏 unamused 😒 rolling_eyes 🙄 grimacing 😬 relieved 😌
pensive 😔 sleepy 😪 sleeping 😴 mask 😷 sick 🤒 nauseated 🤢 sneezing 🤧 hot 🥵 cold 🥶 dizzy 😵 exploding_head 🤯 cowboy 🤠
party 🥳 sunglasses 😎 nerd 🤓 monocle 🧐 confused 😕 worried 😟 frowning 🙁 open_mouth 😮 astonished 😲 flushed 😳 pleading 🥺
fearful 😨 cry 😢 sob 😭 scream 😱 disappointed 😞 sweat 😓 weary 😩 tired 😫 yawning 🥱 triumph 😤 angry 😠 rage 😡 skull 💀
poop 💩 clown 🤡 ghost 👻 alien 👽 robot 🤖 cat 😺 see_no_evil 🙈 hear_no_evil 🙉 speak_no_evil 🙊 heart ❤️ orange_heart 🧡
yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 black_heart 🖤 broken_heart 💔 sparkling_heart 💖 hundred 💯 boom 💥
dash 💨 speech 💬 wave 👋 raised_hand ✋ ok_hand 👌 pinched 🤏 victory ✌️ crossed_fingers 🤞 love_you 🤟 metal 🤘 point_left 👈
point_right 👉 point_up 👆 point_down 👇 thumbsup 👍 +1 👍 thumbsdown 👎 -1 👎 fist ✊ punch 👊 clap 👏 raised_hands 🙌 open_hands 👐
handshake 🤝 pray 🙏 writing ✍️ muscle 💪 brain 🧠 eyes 👀 eye 👁️ person 🧑 baby 👶 shrug 🤷 facepalm 🤦 ok_person 🙆 running 🏃
dancing 💃 dog 🐶 cat_face 🐱 mouse 🐭 fox 🦊 bear 🐻 panda 🐼 tiger 🐯 lion 🦁 cow 🐮 pig 🐷 frog 🐸 monkey 🐒 chicken 🐔
penguin 🐧 bird 🐦 duck 🦆 owl 🦉 unicorn 🦄 bee 🐝 bug 🐛 butterfly 🦋 snail 🐌 turtle 🐢 snake 🐍 octopus 🐙 crab 🦀 fish 🐟
dolphin 🐬 whale 🐳 elephant 🐘 flower 🌸 rose 🌹 sunflower 🌻 seedling 🌱 tree 🌳 cactus 🌵 herb 🌿 clover 🍀 leaf 🍂 mushroom 🍄
earth 🌍 moon 🌙 sun ☀️ star ⭐ glowing_star 🌟 cloud ☁️ rain 🌧️ lightning ⚡ snowflake ❄️ snowman ⛄ fire 🔥 droplet 💧 ocean 🌊
rainbow 🌈 apple 🍎 lemon 🍋 banana 🍌 watermelon 🍉 grapes 🍇 strawberry 🍓 cherries 🍒 peach 🍑 avocado 🥑 tomato 🍅 corn 🌽
bread 🍞 cheese 🧀 egg 🥚 pancakes 🥞 bacon 🥓 burger 🍔 fries 🍟 pizza 🍕 hotdog 🌭 taco 🌮 salad 🥗 sushi 🍣 ramen 🍜 cake 🍰
birthday 🎂 cookie 🍪 chocolate 🍫 candy 🍬 doughnut 🍩 ice_cream 🍨 coffee ☕ tea 🍵 beer 🍺 beers 🍻 wine 🍷 cocktail 🍸 champagne 🍾
soccer ⚽ basketball 🏀 tennis 🎾 trophy 🏆 medal 🏅 first_place 🥇 dart 🎯 game 🎮 dice 🎲 puzzle 🧩 art 🎨 music 🎵 guitar 🎸
headphones 🎧 microphone 🎤 movie 🎬 car 🚗 bus 🚌 train 🚆 bike 🚲 rocket 🚀 airplane ✈️ ship 🚢 construction 🚧 house 🏠 office 🏢
tent ⛺ watch ⌚ phone 📱 laptop 💻 keyboard ⌨️ printer 🖨️ floppy 💾 cd 💿 camera 📷 tv 📺 plug 🔌 battery 🔋 bulb 💡 flashlight 🔦
book 📖 books 📚 newspaper 📰 bookmark 🔖 money 💰 credit_card 💳 email 📧 package 📦 mailbox 📫 pencil ✏️ memo 📝 briefcase 💼
folder 📁 calendar 📅 chart 📈 chart_down 📉 clipboard 📋 pin 📌 paperclip 📎 ruler 📏 scissors ✂️ lock 🔒 unlock 🔓 key 🔑 hammer 🔨
wrench 🔧 gear ⚙️ link 🔗 magnet 🧲 test_tube 🧪 microscope 🔬 telescope 🔭 satellite 📡 pill 💊 door 🚪 bed 🛏️ toilet 🚽 broom 🧹
gift 🎁 balloon 🎈 tada 🎉 confetti 🎊 bell 🔔 mute 🔇 loud 🔊 megaphone 📣 hourglass ⏳ alarm ⏰ stopwatch ⏱️ warning ⚠️ no_entry ⛔
stop 🛑 recycle ♻️ check ✅ cross ❌ question ❓ exclamation ❗ plus ➕ minus ➖ infinity ♾️ arrow_up ⬆️ arrow_down ⬇️ arrow_left ⬅️
arrow_right ➡️ new 🆕 free 🆓 up 🆙 cool 🆒 ok 🆗 sos 🆘 red_circle 🔴 green_circle 🟢 blue_circle 🔵 flag 🏁 white_flag 🏳️ pirate 🏴‍☠️`;

const words = TABLE.trim().split(/\s+/);

/** @type {[string, string][]} */
export const EMOJI = words.flatMap((word, at) => (at % 2 === 0 ? [/** @type {[string, string]} */ ([word, words[at + 1]])] : []));
